use rayon::ThreadPoolBuilder;

/// Defines a suite's macro and its `CHECKS` from one list. `($)` hands the inner macro its dollar.
macro_rules! suite {
    (($d:tt) $(#[$doc:meta])* $module:ident, $name:ident { $($check:ident),* $(,)? }) => {
        /// Names of this suite's checks.
        pub const CHECKS: &[&str] = &[$(stringify!($check)),*];

        $(#[$doc])*
        #[macro_export]
        macro_rules! $name {
            ($d make:expr, $d caps:expr $d(,)?) => {$(
                #[test]
                fn $check() {
                    $crate::conformance::$module::$check(&$d make, &$d caps);
                }
            )*};
        }
    };
}
pub(super) use suite;

/// Tells that a check did not run, and why.
pub(super) fn skip(check: &str, reason: &str) {
    eprintln!("skipped {check}: {reason}");
}

/// Runs `work` in a rayon pool of so many threads.
pub(super) fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool of a few threads can be built")
        .install(work)
}
