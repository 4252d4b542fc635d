//! The reference of settings, written from the settings themselves.

use super::reader::{Reader, Sources};
use super::{CONFIG_VARIABLE, keys};
use std::fmt::Write;

/// The text of `docs/reference/settings.md`.
pub(crate) fn reference() -> String {
    let mut from = Reader::new(Sources::default());
    keys::read(&mut from);
    let (settings, _, _) = from.finish();
    let mut page = format!(
        "# Settings\n\n\
         Flags of `baleen serve` beat the environment, the environment beats the file, the file beats the default. The file\n\
         is TOML, named by `--config FILE` or `{CONFIG_VARIABLE}`; a dotted key is a table and a member (`listen.s3` is\n\
         `[listen]` `s3 = \"...\"`). A list is an array in the file and has commas in the environment. Times are `500ms`, `30s`,\n\
         `5m`, `2h`; sizes `64KiB`, `8MiB`, `1GiB`. Unknown keys are refused. `baleen config check FILE` lists every mistake,\n\
         `baleen config show` what is in force and where it comes from.\n\n\
         | key | variable | form | default | meaning |\n|---|---|---|---|---|\n"
    );
    for seen in &settings {
        let setting = seen.setting;
        let default = match setting.default {
            "" => "–".to_owned(),
            text => format!("`{text}`"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {default} | {} |",
            setting.key,
            setting.variable(),
            setting.form,
            setting.about
        );
    }
    page
}
