//! The suites of `synth_core::conformance`, tested: for each trait a toy with only the required
//! methods passes every check, and for every check a toy with one flaw is caught by it.

/// For every check of a suite: the flaw it must catch, and the law it must name.
macro_rules! broken {
    ($suite:ident, |$of:pat_param| $caps:expr; $($check:ident: $flaw:ident => $law:literal,)*) => {
        mod broken {
            use super::*;

            $(
                #[test]
                #[should_panic(expected = $law)]
                fn $check() {
                    let $of = Flaw::$flaw;
                    synth_core::conformance::$suite::$check(&make(Flaw::$flaw), &$caps);
                }
            )*

            #[test]
            fn every_check_has_its_flaw() {
                assert_eq!(synth_core::conformance::$suite::CHECKS, [$(stringify!($check)),*]);
            }
        }
    };
}

mod codec;
mod divergence;
mod embedder;
mod exporter;
mod generator;
mod neighbor;
mod optimizer;
mod projection;
mod run_store;
mod validator;
