use super::*;

/// Loads a file's text with variables and flags.
fn load(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &[&str])]) -> Result<Loaded, Vec<Mistake>> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Config::load(Sources {
        flags: flags.iter().map(|(key, values)| (*key, owned(values))).collect(),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        file: Some((PathBuf::from("baleen.toml"), file.to_owned())),
    })
}

fn mistakes(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    load(file, environment, &[])
        .expect_err("mistakes are expected")
        .iter()
        .map(Mistake::to_string)
        .collect()
}

#[test]
fn every_default_parses_and_nothing_has_to_be_set() {
    let loaded = Config::load(Sources::default()).expect("the defaults hold");
    assert_eq!(loaded.config.listen.s3.to_string(), "127.0.0.1:9000");
    assert_eq!(loaded.config.capture.site.as_str(), "local");
    assert!(loaded.config.data.is_none() && loaded.config.capture.interfaces.is_empty());
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let file = "site = \"file\"\n[listen]\ns3 = \"127.0.0.1:1\"\napi = \"127.0.0.1:2\"\nops = \"127.0.0.1:3\"\n";
    let environment = [
        ("BALEEN_LISTEN_API", "127.0.0.1:12"),
        ("BALEEN_LISTEN_OPS", "127.0.0.1:13"),
        ("BALEEN_SITE", ""),
    ];
    let loaded = load(file, &environment, &[("listen.ops", &["127.0.0.1:23"])]).expect("it is right");
    let Listen { s3, api, ops, .. } = loaded.config.listen;
    assert_eq!((s3.port(), api.port(), ops.port()), (1, 12, 23));
    // An empty variable is one that is not set.
    assert_eq!(loaded.config.capture.site.as_str(), "file");
    let origin = |key: &str| {
        let seen = loaded.effective.iter().find(|seen| seen.setting.key == key);
        seen.map(|seen| seen.origin.to_string()).unwrap_or_default()
    };
    assert_eq!(origin("listen.s3"), "baleen.toml:3");
    assert_eq!(origin("listen.api"), "BALEEN_LISTEN_API");
    assert_eq!(origin("listen.ops"), "command line");
    assert_eq!(origin("region"), "default");
}

#[test]
fn lists_come_as_array_with_commas_or_as_repeated_flag() {
    let interfaces = |file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &[&str])]| {
        load(file, environment, flags)
            .expect("it is right")
            .config
            .capture
            .interfaces
    };
    let wanted = ["eth0", "eth1"];
    assert_eq!(
        interfaces("[capture]\ninterfaces = [\"eth0\", \"eth1\"]", &[], &[]),
        wanted
    );
    assert_eq!(
        interfaces("", &[("BALEEN_CAPTURE_INTERFACES", "eth0, eth1")], &[]),
        wanted
    );
    assert_eq!(
        interfaces("", &[], &[("capture.interfaces", &["eth0", "eth1"])]),
        wanted
    );
}

#[test]
fn every_mistake_is_listed_at_once_with_its_key_and_line() {
    let file = "\
site = \"two words\"
colour = \"blue\"
drain = 1.5

[listen]
s3 = \"9000\"
apy = \"127.0.0.1:9001\"

[capture]
interfaces = [\"eth0\", \"a/b\", \"any\"]
accounts = [\"000000000001\", \"1\"]
part_bytes = \"1MiB\"

[destinations.s3]
endpoint = \"http://user:secret@store\"
access_key_id = \"AKIAEXAMPLE\"
";
    let found = mistakes(file, &[("BALEEN_LOG_FORMAT", "yaml")]);
    for wanted in [
        "site (baleen.toml:1): 1 to 64 letters",
        "colour (baleen.toml:2): there is no such setting; docs/",
        "drain (baleen.toml:3): a text in quotes is expected",
        "listen.s3 (baleen.toml:6): an IP address with a port",
        "listen.apy (baleen.toml:7): there is no such setting; did you mean listen.api?",
        "capture.interfaces (baleen.toml:10): \"a/b\": the name of a network interface",
        "capture.interfaces (baleen.toml:10): any already means all",
        "capture.accounts (baleen.toml:11): \"1\": 12 decimal digits are expected",
        "capture.part_bytes (baleen.toml:12): a size from 5.0 MiB to 128.0 MiB",
        "destinations.s3.endpoint (baleen.toml:15): user info is not allowed",
        "destinations.s3.secret_access_key: it is missing",
        "log.format (BALEEN_LOG_FORMAT): text or json",
    ] {
        assert!(
            found.iter().any(|line| line.starts_with(wanted)),
            "{wanted:?} is not in {found:#?}"
        );
    }
    assert_eq!(found.len(), 12, "{found:#?}");
    assert!(
        !found.iter().any(|line| line.contains("user:secret")),
        "a secret is repeated: {found:#?}"
    );
}

#[test]
fn what_is_meant_is_guessed_by_table_and_name() {
    for (file, wanted) in [
        (
            "[lookback]\nenabled = true\n",
            "lookback.enabled (baleen.toml:2): \"on\" or \"off\", with the quotes, is expected, here \"on\"",
        ),
        (
            "[s3]\nsignature_v2 = false\n",
            "s3.signature_v2 (baleen.toml:2): \"on\" or \"off\", with the quotes, is expected, here \"off\"",
        ),
        (
            "[lookback]\nenabled = 1\n",
            "lookback.enabled (baleen.toml:2): \"on\" or \"off\", with the quotes, is expected",
        ),
        ("drain = true\n", "drain (baleen.toml:1): a text in quotes is expected"),
        (
            "[scrubs]\nevery = \"1d\"\n",
            "scrubs.every (baleen.toml:2): there is no table [scrubs]; did you mean scrub.every?",
        ),
        (
            "[scrubs]\nnever = \"1d\"\n",
            "scrubs.never (baleen.toml:2): there is no table [scrubs]; did you mean [scrub]?",
        ),
        // A name that another table has is no hint.
        (
            "[reaper]\nbytes_per_second = 5\n",
            "reaper.bytes_per_second (baleen.toml:2): there is no table [reaper]; docs/",
        ),
        (
            "[scrub]\nfree_percent = 5\n",
            "scrub.free_percent (baleen.toml:2): there is no such setting; docs/",
        ),
        (
            "[scrub]\nevry = \"1d\"\n",
            "scrub.evry (baleen.toml:2): there is no such setting; did you mean scrub.every?",
        ),
        (
            "drai = \"1s\"\n",
            "drai (baleen.toml:1): there is no such setting; did you mean drain?",
        ),
        (
            "lookback = \"on\"\n",
            "lookback (baleen.toml:1): it is a table, [lookback], which has settings below it; docs/",
        ),
    ] {
        let found = mistakes(file, &[]);
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:#?}");
    }
}

#[test]
fn broken_toml_is_a_mistake_with_its_line() {
    let found = mistakes("site = \"a\"\nregion = \n[listen\n", &[]);
    assert!(
        found.iter().all(|line| line.starts_with("syntax (baleen.toml:")),
        "{found:#?}"
    );
    assert!(found[0].contains(":2)") || found[0].contains(":3)"), "{found:#?}");
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_their_line() {
    let file = "data = 5\ndrain = \"5\"\nsite = [\"a\"]\n[capture]\ninterfaces = \"eth0\"\nrunning_max = \"8\"\n[store]\ncache_bytes = 33554432\n";
    // A stronger source does not make the file right.
    let found = mistakes(file, &[("BALEEN_DATA", "/srv")]);
    assert_eq!(
        found,
        [
            "capture.interfaces (baleen.toml:5): an array of texts is expected",
            "capture.running_max (baleen.toml:6): a whole number without quotes is expected",
            "data (baleen.toml:1): a text in quotes is expected",
            "drain (baleen.toml:2): a unit is expected, such as 5s for seconds",
            "site (baleen.toml:3): a text in quotes is expected",
        ]
    );
}

#[test]
fn settings_that_do_not_go_together() {
    let same = mistakes("listen.s3 = \"127.0.0.1:5\"\nlisten.ops = \"127.0.0.1:5\"", &[]);
    assert!(
        same[0].starts_with("listen.ops (baleen.toml:2): 127.0.0.1:5 is taken"),
        "{same:?}"
    );
    assert!(load("listen.s3 = \"127.0.0.1:0\"\nlisten.ops = \"127.0.0.1:0\"", &[], &[]).is_ok());
    let half = mistakes("", &[("BALEEN_ROOT_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE")]);
    assert_eq!(half.len(), 1, "{half:?}");
    assert!(half[0].starts_with("root.secret_access_key: it is missing"), "{half:?}");
    // A half that is there but wrong is called wrong, not missing.
    let wrong_half = [
        ("BALEEN_ROOT_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE"),
        ("BALEEN_ROOT_SECRET_ACCESS_KEY", "short"),
    ];
    let wrong = mistakes("", &wrong_half);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("16 to 128 visible"), "{wrong:?}");
    let lone = mistakes("", &[("BALEEN_ROOT_ACCESS_KEY_ID", "short")]);
    assert!(lone.len() == 2 && lone[1].contains("it is missing"), "{lone:?}");
    let taken = mistakes("listen.s3 = \"127.0.0.1:5\"\nlisten.agents = \"127.0.0.1:5\"", &[]);
    assert!(
        taken[0].starts_with("listen.agents (baleen.toml:2): 127.0.0.1:5 is taken"),
        "{taken:?}"
    );
    let nameless = mistakes("agents.names = [\"not a name\"]", &[]);
    assert!(
        nameless[0].contains("a DNS name or an IP address is expected"),
        "{nameless:?}"
    );
    let keyless = mistakes("tls.certificate = \"/c.pem\"", &[]);
    assert_eq!(keyless, ["tls.key: it is missing while tls.certificate is set"]);
    let pair = load("[tls]\ncertificate = \"/c.pem\"\nkey = \"/k.pem\"", &[], &[]).expect("it is right");
    assert!(pair.config.tls.is_some());
    let homeless = mistakes(
        "destinations.s3.access_key_id = \"a\"\ndestinations.s3.secret_access_key = \"b\"",
        &[],
    );
    assert!(
        homeless[0].starts_with("destinations.s3.endpoint: it is missing"),
        "{homeless:?}"
    );
    let readable = mistakes(
        "[destinations.gs]\nendpoint = \"http://gs.example\"\nservice_account = \"/none\"\n\
         [destinations.azure]\nendpoint = \"http://{account}.example\"",
        &[],
    );
    for key in ["gs", "azure"] {
        let wanted = format!("destinations.{key}.endpoint");
        assert!(
            readable
                .iter()
                .any(|line| line.starts_with(&wanted) && line.contains("https:// is expected")),
            "{readable:?}"
        );
    }
    let twice = load("", &[], &[("site", &["a", "b"])]).expect_err("one is expected");
    assert!(twice[0].why.starts_with("one value is expected"), "{twice:?}");
}

#[test]
fn strange_variables_are_told_and_secrets_are_hidden() {
    let canary = "0123456789abcdef0123456789abcdef";
    let environment = [
        ("BALEEN_SERVICE_HOST", "10.0.0.1"),
        ("BALEEN_ROOT_API_TOKEN", canary),
        ("BALEEN_CONFIG", "x"),
        ("BALEEN_API", "http://127.0.0.1:9001"),
        ("BALEEN_API_TOKEN", canary),
        ("BALEEN_PROJECT", canary),
        ("BALEEN_PROFILE", "extcap"),
    ];
    let loaded = load("", &environment, &[]).expect("unknown variables are no mistake");
    assert_eq!(loaded.strange_variables, ["BALEEN_SERVICE_HOST"]);
    assert!(!format!("{loaded:?}").contains(canary));
    let wrong = mistakes("", &[("BALEEN_ROOT_API_TOKEN", "canary-7")]);
    assert!(!wrong[0].contains("canary"), "{wrong:?}");
}

/// `UPDATE_REFERENCE=1 cargo test -p baleen` writes the page anew.
#[test]
fn the_reference_lists_every_setting() {
    let page = Path::new("../../docs/reference/settings.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(page, reference()).expect("the page is writable");
    }
    let written = std::fs::read_to_string(page).expect("the page is there");
    assert_eq!(
        written,
        reference(),
        "run UPDATE_REFERENCE=1 cargo test -p baleen the_reference"
    );
}

#[test]
fn copies_between_regions_have_no_limit_until_one_is_set() {
    for (set, wanted) in [
        ("", Some(None)),
        ("\"0\"", Some(None)),
        ("\"8MiB\"", Some(Some(8 << 20))),
        ("\"1KiB\"", Some(Some(1 << 10))),
        ("\"1023\"", None),
        ("\"-1\"", None),
        ("\"none\"", None),
    ] {
        let file = match set {
            "" => String::new(),
            set => format!("replication.bytes_per_second = {set}"),
        };
        let loaded = load(&file, &[], &[]).ok();
        let limit = loaded.map(|loaded| loaded.config.copied_bytes_per_second.map(NonZeroU64::get));
        assert_eq!(limit, wanted, "{set}");
    }
}

#[test]
fn there_are_at_most_eight_regions_beside_home() {
    for (regions, is_accepted) in [(8, true), (9, false)] {
        let names: Vec<_> = (0..regions).map(|n| format!("\"r{n}=/mnt/{n}\"")).collect();
        let loaded = load(&format!("regions = [{}]", names.join(", ")), &[], &[]);
        assert_eq!(loaded.is_ok(), is_accepted, "{regions}");
    }
}

#[test]
fn a_region_is_in_no_folder_that_the_store_itself_has() {
    for (folder, is_accepted) in [
        ("/srv/store", false),
        ("/srv/store/", false),
        ("/srv/store/blobs", false),
        ("/srv/store/blobs/files/west", false),
        ("/srv/store/meta", false),
        ("/srv/store/blobs-west", true),
        ("/srv/store2", true),
        ("/srv", true),
    ] {
        let loaded = load(
            &format!("data = \"/srv/store\"\nregions = [\"west={folder}\"]"),
            &[],
            &[],
        );
        assert_eq!(loaded.is_ok(), is_accepted, "{folder}");
    }
}
