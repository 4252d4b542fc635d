use super::*;
use crate::testing::{caller, context, rows};

#[test]
fn patterns_fit_what_they_say() {
    let ann = caller("ann").unwrap();
    let context = context("aws:UserAgent=*; aws:TagKeys=[a]");
    let scene = Scene {
        caller: Some(&ann),
        owner: None,
        context: &context,
    };
    let reading = Reading {
        wildcards: true,
        variables: true,
    };
    for (line, [pattern, text, fits, reason]) in rows(include_str!("../../tests/tables/globs.txt")) {
        let text = if text == "-" { "" } else { text };
        let glob = Glob::compile(pattern, reading).unwrap();
        let wanted = match fits {
            "yes" => Ok(true),
            "no" => Ok(false),
            "no value" => Err(Valueless),
            other => panic!("line {line}: {other}"),
        };
        assert_eq!(glob.matches(text, &scene), wanted, "line {line}: {reason}");
    }
}

#[test]
fn the_old_version_has_no_variables() {
    let reading = Reading {
        wildcards: true,
        variables: false,
    };
    let fits = |pattern, text: &str| Glob::compile(pattern, reading).unwrap().fits(text);
    assert!(fits("${aws:username}", "${aws:username}"));
    assert!(!fits("${aws:username}", "ann"));
    assert!(fits("${*}", "${anything}"));
}

#[test]
fn broken_variables_are_refused() {
    let reading = Reading {
        wildcards: true,
        variables: true,
    };
    for broken in [
        "${",
        "${}",
        "${aws:username",
        "${username}",
        "${aws:username, nobody}",
        "${aws:username, 'x}",
        "${aws:user name}",
        "${aws:PrincipalTag/}",
    ] {
        assert!(Glob::compile(broken, reading).is_err(), "{broken}");
    }
}

/// A pattern that would make a backtracking matcher work for ever ends at once.
#[test]
fn hostile_patterns_end() {
    let reading = Reading {
        wildcards: true,
        variables: false,
    };
    let glob = Glob::compile(&format!("{}b", "*a".repeat(3_000)), reading).unwrap();
    assert!(!glob.fits(&"a".repeat(5_000)));
    assert!(glob.fits(&format!("{}b", "a".repeat(5_000))));
}
