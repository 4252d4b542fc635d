//! What a token may be used for, and which actions that means.
//!
//! The methods are those of the CloudShark contract, section 1.1, and one of ours: `capture`. Taking packets off the network
//! is far more than handing in a file, so a token that may `upload` may not capture; on the PCAPs and CFW doors it can do
//! nothing.
//!
//! | method | `captures:` | `pcaps:` | `cfw:` |
//! |---|---|---|---|
//! | `upload` | Upload | | |
//! | `open` | Upload, Read | | |
//! | `info` | Read | GetCapture | |
//! | `search` | Search | ListCaptures | ListCaptureTasks |
//! | `download` | Download | DownloadCapture, FollowCapture | GetCaptureResult |
//! | `annotations_read` | Read | | |
//! | `annotations_write` | Annotate | | |
//! | `edit` | Edit | | |
//! | `merge` (with `upload`) | Merge | | |
//! | `export` (with `upload`) | Export | | |
//! | `delete` | Delete | | DeleteCaptureTask |
//! | `analysis` | Read | | |
//! | `deep_search` | Search | | |
//! | `capture` | | CreateCapture, StopCapture, ManageOwnership, StreamCapture, ListAgents, ManageAgents, ListSchedules, ManageSchedules | CreateCaptureTask, StopCaptureTask |
//!
//! The actions bound the caller on every door, like the policy of a session: what the owner may not do, no method gives.
//! Where two methods share an action (`info` and `analysis`), the door asks [`Methods::has`] besides.

use baleen_policy::{Action, Bounds, DocumentKind, Malformed, Policy};
use baleen_types::Invalid;
use std::sync::Arc;

macro_rules! methods {
    ($($variant:ident = $name:literal: [$($action:ident),*],)*) => {
        /// Something a token may be used for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the name beside each variant and the table above are its documentation")]
        pub enum Method { $($variant,)* }

        impl Method {
            /// Every method, in the order of the contract. Stored as bits in this order: new ones go to the end.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            const fn actions(self) -> &'static [Action] {
                match self { $(Self::$variant => &[$(Action::$action),*],)* }
            }
        }
    };
}

methods! {
    Upload = "upload": [CapturesUpload],
    Open = "open": [CapturesUpload, CapturesRead],
    Info = "info": [CapturesRead, PcapsGetCapture],
    Search = "search": [CapturesSearch, PcapsListCaptures, CfwListCaptureTasks],
    Download = "download": [CapturesDownload, PcapsDownloadCapture, PcapsFollowCapture, CfwGetCaptureResult],
    AnnotationsRead = "annotations_read": [CapturesRead],
    AnnotationsWrite = "annotations_write": [CapturesAnnotate],
    Edit = "edit": [CapturesEdit],
    Merge = "merge": [CapturesMerge],
    Export = "export": [CapturesExport],
    Delete = "delete": [CapturesDelete, CfwDeleteCaptureTask],
    Analysis = "analysis": [CapturesRead],
    DeepSearch = "deep_search": [CapturesSearch],
    Capture = "capture": [
        PcapsCreateCapture, PcapsStopCapture, PcapsManageOwnership, PcapsStreamCapture, PcapsListAgents, PcapsManageAgents,
        PcapsListSchedules, PcapsManageSchedules,
        CfwCreateCaptureTask, CfwStopCaptureTask
    ],
}

/// A set of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u16);

impl Default for Methods {
    /// `upload` alone (contract, 1.1.4).
    fn default() -> Self {
        Self::of(&[Method::Upload])
    }
}

impl Methods {
    /// No method.
    pub const NONE: Self = Self(0);

    /// A set.
    pub fn of(methods: &[Method]) -> Self {
        Self(methods.iter().fold(0, |bits, method| bits | bit(*method)))
    }

    /// Reads names.
    ///
    /// ```
    /// use baleen_iam::{Method, Methods};
    /// assert!(Methods::parse(["upload", "search"]).unwrap().has(Method::Search));
    /// assert!(Methods::parse(["everything"]).is_err());
    /// ```
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut methods = Vec::new();
        for name in names {
            let known = Method::ALL.iter().find(|method| method.name() == name);
            methods.push(*known.ok_or_else(|| Invalid::new("methods", "an unknown method is named"))?);
        }
        Ok(Self::of(&methods))
    }

    /// Tells whether a method may be called. `merge` and `export` make captures, so that they need `upload` too (1.1.7).
    pub fn has(self, method: Method) -> bool {
        let listed = |method| self.0 & bit(method) != 0;
        match method {
            Method::Merge | Method::Export => listed(method) && listed(Method::Upload),
            _ => listed(method),
        }
    }

    /// The listed methods, also those that lack another.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL
            .iter()
            .copied()
            .filter(move |method| self.0 & bit(*method) != 0)
    }

    /// Those that lack another: `merge` or `export` without `upload`.
    pub(crate) fn incomplete(self) -> Self {
        self.only(|method| !self.has(method))
    }

    /// Those none of whose actions `could` be done.
    pub(crate) fn beyond(self, could: impl Fn(Action) -> bool) -> Self {
        self.only(|method| !method.actions().iter().any(|action| could(*action)))
    }

    /// The methods of both sets.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn only(self, holds: impl Fn(Method) -> bool) -> Self {
        Self(
            self.iter()
                .filter(|m| holds(*m))
                .fold(0, |bits, method| bits | bit(method)),
        )
    }

    pub(crate) fn to_bits(self) -> u16 {
        self.0
    }

    /// Takes stored bits; those that mean nothing here give no right.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// What a caller with these methods is held to.
    pub(crate) fn bounds(self) -> Result<Bounds, Malformed> {
        let actions: Vec<_> = self.iter().filter(|m| self.has(*m)).flat_map(Method::actions).collect();
        if actions.is_empty() {
            return Ok(Bounds::NONE.and(Vec::new()));
        }
        let list = actions
            .iter()
            .map(|action| format!("\"{}\"", action.name()))
            .collect::<Vec<_>>()
            .join(",");
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{list}],"Resource":"*"}}]}}"#
        );
        let policy = Policy::parse(&text, DocumentKind::Session)?;
        Ok(Bounds::NONE.and(vec![Arc::new(policy)]))
    }
}

const fn bit(method: Method) -> u16 {
    1 << method as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_of_methods() {
        assert_eq!(
            Methods::parse(Method::ALL.iter().map(|m| m.name())).unwrap(),
            Methods::of(Method::ALL)
        );
        assert_eq!(Methods::default().iter().collect::<Vec<_>>(), [Method::Upload]);
        assert_eq!(Methods::parse([]).unwrap(), Methods::from_bits(0));
        for wrong in ["", "Upload", "upload ", "*"] {
            assert!(Methods::parse([wrong]).is_err(), "{wrong}");
        }
        for method in Method::ALL {
            let alone = Methods::of(&[*method]);
            let needs_upload = matches!(method, Method::Merge | Method::Export);
            assert_eq!(alone.has(*method), !needs_upload);
            assert!(Methods::of(&[*method, Method::Upload]).has(*method));
            assert_eq!(Methods::from_bits(alone.to_bits()), alone);
        }
    }

    #[test]
    fn methods_that_allow_nothing() {
        use Method::{Export, Info, Merge, Search, Upload};
        let all = Methods::of(&[Merge, Export, Info]);
        assert_eq!(all.incomplete(), Methods::of(&[Merge, Export]));
        assert_eq!(Methods::of(&[Merge, Upload]).incomplete(), Methods::NONE);
        // One action of several is enough to be of use on some door.
        let listing = |action| action == Action::PcapsListCaptures;
        assert_eq!(Methods::of(&[Search, Info]).beyond(listing), Methods::of(&[Info]));
        assert_eq!(Methods::of(Method::ALL).beyond(|_| true), Methods::NONE);
        assert_eq!(Methods::of(Method::ALL).beyond(|_| false), Methods::of(Method::ALL));
    }

    #[test]
    fn methods_are_bounds() {
        assert_eq!(
            Methods::of(&[Method::Merge]).bounds().unwrap().sets()[0].len(),
            0,
            "merge alone allows nothing"
        );
        assert_eq!(Methods::of(Method::ALL).bounds().unwrap().sets()[0].len(), 1);
    }
}
