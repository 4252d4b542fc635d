//! A test on a small disk of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the process that runs inside: the folder.
const INSIDE: &str = "BALEEN_TEST_INSIDE";

/// Runs `inside` with a folder, in a namespace of its own where `mount` was done with that folder as `$1`: root is enough, and so
/// are user namespaces. `test` is the name of the test that calls this, which is run once more there.
pub fn on_tmpfs<F: Future<Output = ()>>(test: &str, mount: &str, inside: impl FnOnce(PathBuf) -> F) {
    if let Some(dir) = std::env::var_os(INSIDE) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(inside(dir.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, program): (&Path, _) = (folder.path(), std::env::current_exe().unwrap());
    let script = format!(r#"{mount} && exec "$2" --exact "$3" --nocapture"#);
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .args([folder.as_os_str(), program.as_os_str(), test.as_ref()])
        .env(INSIDE, folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Mounts or unmounts something, inside.
pub fn mount(program: &str, args: &[&str], folder: &Path) {
    let status = Command::new(program).args(args).arg(folder).status().unwrap();
    assert!(status.success(), "{program}");
}
