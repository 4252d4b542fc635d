//! The lines that Wireshark reads, and those that it writes.

use serde_json::Value;
use std::path::PathBuf;

/// The options of every interface (Wireshark's `doc/extcap.4`, "arguments").
pub(super) const OPTIONS: &[&str] = &[
    "arg {number=0}{call=--snaplen}{display=Bytes of a packet}{type=unsigned}{range=0,262144}{default=0}{tooltip=0 keeps all of it}",
    "arg {number=1}{call=--profile}{display=Profile}{type=string}{tooltip=Of ~/.config/baleen/profiles.toml: which server, and who asks}",
    "arg {number=2}{call=--api}{display=Capture API}{type=string}{tooltip=In place of the profile's}",
];

/// What the names of our interfaces begin with.
const PREFIX: &str = "baleen";

/// An interface of a site: `baleen:<site>:<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteInterface {
    pub(super) site: String,
    pub(super) name: String,
}

impl RemoteInterface {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (prefix, site, name) = (parts.next()?, parts.next()?, parts.next()?);
        // The name of an interface may have a colon in it, that of a site has none.
        let is_one = prefix == PREFIX && !site.is_empty() && !name.is_empty();
        is_one.then(|| Self {
            site: site.to_owned(),
            name: name.to_owned(),
        })
    }

    /// How Wireshark is told of it.
    pub(super) fn line(&self) -> String {
        let Self { site, name } = self;
        format!("interface {{value={PREFIX}:{site}:{name}}}{{display=Baleen: {name} at {site}}}")
    }

    /// Whether it can stand in such a line: braces would end its parts, and a line ends lines.
    fn fits(&self) -> bool {
        let fits = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_control() || matches!(c, '{' | '}'));
        fits(&self.site) && fits(&self.name)
    }
}

/// The interfaces of the sites that can be asked to capture.
pub(super) fn of_sites(sites: &Value) -> Vec<RemoteInterface> {
    let sites = sites.as_array().into_iter().flatten();
    let connected = sites.filter(|site| site["connected"] == true);
    let interfaces = connected.flat_map(|site| {
        let names = site["interfaces"].as_array().into_iter().flatten();
        names.filter_map(|name| {
            Some(RemoteInterface {
                site: site["colo_name"].as_str()?.to_owned(),
                name: name.as_str()?.to_owned(),
            })
        })
    });
    interfaces.filter(RemoteInterface::fits).collect()
}

/// The folder for such programs in what `tshark -G folders` writes: the person's own, or else that of the system.
pub(super) fn extcap_folder(text: &str) -> Option<PathBuf> {
    let named = text.lines().filter_map(|line| {
        let (name, folder) = line.split_once(':')?;
        let (name, folder) = (name.trim().to_ascii_lowercase(), folder.trim());
        (name.contains("extcap") && !folder.is_empty()).then_some((name, folder))
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|(name, _)| !name.starts_with("personal"));
    named.first().map(|(_, folder)| PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn interfaces_go_there_and_back() {
        let sites = json!([
            { "colo_name": "local", "connected": true, "interfaces": ["any", "eth0:1", "a}b", "", 7] },
            { "colo_name": "away", "connected": false, "interfaces": ["eth0"] },
        ]);
        let found = of_sites(&sites);
        let lines: Vec<_> = found.iter().map(RemoteInterface::line).collect();
        assert_eq!(
            lines,
            [
                "interface {value=baleen:local:any}{display=Baleen: any at local}",
                "interface {value=baleen:local:eth0:1}{display=Baleen: eth0:1 at local}"
            ]
        );
        assert_eq!(RemoteInterface::parse("baleen:local:eth0:1").as_ref(), Some(&found[1]));
        for wrong in [
            "",
            "baleen",
            "baleen:local",
            "baleen::eth0",
            "baleen:local:",
            "ssh:local:eth0",
        ] {
            assert_eq!(RemoteInterface::parse(wrong), None, "{wrong}");
        }
        assert_eq!(of_sites(&json!(null)), []);
    }

    #[test]
    fn the_own_folder_goes_first() {
        let old = "Temp:\t/tmp\nGlobal Extcap path:   \t/usr/lib/wireshark/extcap\n";
        let new = "Extcap path:\t/usr/lib/extcap\nPersonal Extcap path: \t/own/lib/wireshark/extcap\n";
        assert_eq!(extcap_folder(old), Some(PathBuf::from("/usr/lib/wireshark/extcap")));
        assert_eq!(extcap_folder(new), Some(PathBuf::from("/own/lib/wireshark/extcap")));
        assert_eq!(extcap_folder("Temp:\t/tmp\n"), None);
    }
}
