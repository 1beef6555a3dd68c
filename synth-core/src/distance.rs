//! The one blocked pairwise pass that fidelity, nearest neighbours and duplicates share.
