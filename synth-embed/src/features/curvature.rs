//! Isophote curvature.
use super::plane::Plane;

/// Per inner pixel: curvature of the isophote in 1/px (positive where dark bulges out) and squared gradient.
pub(super) fn curvature(plane: &Plane) -> Vec<(f32, f32)> {
    let side = plane.side;
    let mut out = Vec::with_capacity(side * side);
    for y in 1..side - 1 {
        let above = &plane.data[(y - 1) * side..y * side];
        let here = &plane.data[y * side..(y + 1) * side];
        let below = &plane.data[(y + 1) * side..(y + 2) * side];
        for x in 1..side - 1 {
            let gx = 0.5 * (here[x + 1] - here[x - 1]);
            let gy = 0.5 * (below[x] - above[x]);
            let xx = (here[x + 1] + here[x - 1]) - 2.0 * here[x];
            let yy = (below[x] + above[x]) - 2.0 * here[x];
            let xy = 0.25 * ((below[x + 1] + above[x - 1]) - (below[x - 1] + above[x + 1]));
            let square = gx * gx + gy * gy;
            let turn = (xx * gy * gy + yy * gx * gx) - 2.0 * xy * gx * gy;
            let kappa = turn / (square * square.sqrt() + 1e-7);
            out.push((kappa, square));
        }
    }
    out
}
