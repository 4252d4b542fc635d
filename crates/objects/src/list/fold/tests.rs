use super::*;

/// Folds `keys` as a bucket would and shows keys, common prefixes (in brackets) and `+` if there is more.
fn page(keys: &[&str], prefix: &str, delimiter: &str, after: &str, room: usize) -> String {
    let mut fold = Fold::new(prefix, delimiter, after, room);
    let mut seen = Vec::new();
    let mut more = "";
    for key in keys.iter().filter(|k| k.starts_with(prefix) && **k > after) {
        match fold.push(key) {
            Pushed::Taken => seen.push((*key).to_owned()),
            Pushed::Folded | Pushed::Skip(_) => {}
            Pushed::Full => {
                more = "+";
                break;
            }
        }
    }
    seen.extend(fold.common_prefixes.iter().map(|p| format!("[{p}]")));
    format!("{}{more}", seen.join(" "))
}

#[test]
fn pages() {
    let keys = ["a", "a/", "a/b", "a/b/c", "a0", "b/1", "b/2", "ünï/x", "日/本"];
    for (prefix, delimiter, after, room, want) in [
        ("", "", "", 99, "a a/ a/b a/b/c a0 b/1 b/2 ünï/x 日/本"),
        ("", "/", "", 99, "a a0 [a/] [b/] [ünï/] [日/]"),
        ("", "/", "", 1, "a+"),
        ("", "/", "a", 1, "[a/]+"),
        ("", "/", "a/", 1, "a0+"),
        ("", "/", "b/", 9, "[ünï/] [日/]"),
        // A place inside a folded range: what lies behind it still has its common prefix.
        ("", "/", "a/b", 1, "[a/]+"),
        ("a/", "/", "", 99, "a/ a/b [a/b/]"),
        ("a", "/", "", 99, "a a0 [a/]"),
        ("a/b", "/", "", 99, "a/b [a/b/]"),
        // Any text is a delimiter, and it is searched behind the prefix only.
        ("", "b", "", 99, "a a/ a0 ünï/x 日/本 [a/b] [b]"),
        ("b", "b", "", 99, "b/1 b/2"),
        ("", "/b", "", 99, "a a/ a0 b/1 b/2 ünï/x 日/本 [a/b]"),
        ("", "nï/", "", 99, "a a/ a/b a/b/c a0 b/1 b/2 日/本 [ünï/]"),
        ("x", "/", "", 99, ""),
        ("", "/", "日/", 99, ""),
        ("", "", "", 0, "+"),
    ] {
        assert_eq!(
            page(&keys, prefix, delimiter, after, room),
            want,
            "{prefix:?} {delimiter:?} {after:?} {room}"
        );
    }
}
