//! DNS messages: one question for an address, and its answer. Source: RFC 1035, section 4.

/// A query for the IPv4 address of `name`.
pub(super) fn query(id: u16, name: &str) -> Vec<u8> {
    // Recursion desired; one question.
    let mut message = header(id, 0x0100, 0);
    for label in name.split('.') {
        let label = &label.as_bytes()[..label.len().min(63)];
        message.push(u8::try_from(label.len()).unwrap_or_default());
        message.extend_from_slice(label);
    }
    message.push(0);
    // Type A, class IN.
    message.extend_from_slice(&[0, 1, 0, 1]);
    message
}

/// The answer to a query that [`query`] made; `None` for anything else.
pub(super) fn answer(query: &[u8], address: [u8; 4]) -> Option<Vec<u8>> {
    let (head, question) = query.split_at_checked(12)?;
    let is_question = head.get(2)? & 0x80 == 0 && head.get(4..6)? == [0, 1];
    if !is_question || question.len() < 5 {
        return None;
    }
    let id = u16::from_be_bytes([*head.first()?, *head.get(1)?]);
    // A response, recursion desired and available; one answer.
    let mut message = header(id, 0x8180, 1);
    message.extend_from_slice(question);
    // The name is the one at offset 12; type A, class IN, 60 seconds, 4 bytes.
    message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    message.extend_from_slice(&address);
    Some(message)
}

fn header(id: u16, flags: u16, answers: u16) -> Vec<u8> {
    [id, flags, 1, answers, 0, 0]
        .iter()
        .flat_map(|field| field.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_its_answer() {
        let asked = query(7, "a.example");
        assert_eq!(&asked[..2], [0, 7]);
        assert_eq!(&asked[12..], b"\x01a\x07example\0\0\x01\0\x01");
        let told = answer(&asked, [192, 0, 2, 1]).expect("it is a question");
        assert_eq!(told.len(), asked.len() + 16);
        assert_eq!(&told[told.len() - 4..], [192, 0, 2, 1]);
        for wrong in [&b""[..], b"short", &told, &asked[..12]] {
            assert!(answer(wrong, [0; 4]).is_none());
        }
    }
}
