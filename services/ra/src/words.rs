//! What words of the command line and of configuration files mean by themselves.

use crate::settings::Input;
use field::style::UserData;
use std::path::PathBuf;

/// The name of a printer of user data.
pub fn printer(name: &str) -> Option<UserData> {
    Some(match name {
        "ascii" => UserData::Ascii,
        "obfuscate" => UserData::Obfuscate,
        "hex" => UserData::Hex,
        "encode32" => UserData::Encode32,
        "encode64" => UserData::Encode64,
        _ => return None,
    })
}

/// A number of titles: kept in eight bits, as in 3.0.8.
pub fn titles(text: &str) -> Option<i8> {
    text.trim().parse::<i64>().ok().map(|number| number as i8)
}

/// Digits behind the point.
pub fn precision(text: &str) -> Option<usize> {
    text.trim().parse::<usize>().ok().filter(|&digits| digits <= 64)
}

/// Seconds, with a fraction perhaps.
pub fn seconds(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite() && (0.0..=1e9).contains(seconds))
}

/// `n[smhdwMy]` in seconds; a month has four weeks and a year 48.
pub fn duration(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, unit) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1.0),
        b'm' => (&text[..text.len() - 1], 60.0),
        b'h' => (&text[..text.len() - 1], 3600.0),
        b'd' => (&text[..text.len() - 1], 86_400.0),
        b'w' => (&text[..text.len() - 1], 7.0 * 86_400.0),
        b'M' => (&text[..text.len() - 1], 28.0 * 86_400.0),
        b'y' => (&text[..text.len() - 1], 336.0 * 86_400.0),
        _ => (text, 1.0),
    };
    Some(seconds(number)? * unit)
}

/// `[type:]file[::start[:end]]`.
pub fn file(value: &std::ffi::OsStr, compat: bool) -> Result<Input, String> {
    let Some(text) = value.to_str() else { return Ok(Input::File(value.into(), None)) };
    let text = text.strip_prefix("argus:").unwrap_or(text);
    type Make = fn(PathBuf, Option<(u64, u64)>) -> Input;
    let kinds: [(&str, Make); 3] =
        [("cisco:", Input::Exports), ("jflow:", Input::Exports), ("baseline:", Input::Baseline)];
    let (make, text) = kinds
        .iter()
        .find_map(|(kind, make)| text.strip_prefix(kind).map(|rest| (*make, rest)))
        .unwrap_or((Input::File, text));
    for (kind, what) in [("ft:", "flow-tools files"), ("sflow:", "sFlow")] {
        if text.starts_with(kind) && !std::path::Path::new(text).exists() {
            return Err(format!("{what} cannot be read: {text}"));
        }
    }
    let Some((path, offsets)) = text.split_once("::") else { return Ok(make(text.into(), None)) };
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("'{text}' is no offset: {value:?}"));
    let range = match offsets.split_once(':') {
        Some((start, end)) => Some((number(start)?, number(end)?)),
        // 3.0.8 minds a start only when there is an end.
        None if compat => number(offsets).map(|_| None)?,
        None => Some((number(offsets)?, u64::MAX)),
    };
    Ok(make(path.into(), range))
}

/// Words of `-M`; one that begins with a quote goes on to the word that ends with it.
pub fn modes(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut open = false;
    for word in words {
        if open && let Some(last) = joined.last_mut() {
            last.push(' ');
            last.push_str(word.trim_end_matches('"'));
            open = !word.ends_with('"');
            continue;
        }
        open = word.starts_with('"') && (word.len() == 1 || !word.ends_with('"'));
        joined.push(word.trim_matches('"').to_owned());
    }
    joined
}

/// The end of a time range may be words of its own: `-t 14 - 16`, `-t 14 -16`. They are put together before the
/// options are read, where a sign would begin another.
pub fn join_time(words: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let mut joined: Vec<std::ffi::OsString> = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    let is_time = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit() || b"/.:*yMdhms".contains(&byte))
            && text.starts_with(|first: char| first.is_ascii_digit() || first == '*')
    };
    while let Some(word) = words.next() {
        let is_option = word == "-t";
        joined.push(word);
        if !is_option {
            continue;
        }
        let Some(mut range) = words.next() else { break };
        let next = words.peek().and_then(|next| next.to_str()).map(str::to_owned);
        match next.as_deref() {
            Some(end) if end.len() > 1 && end.starts_with(['-', '+']) && is_time(&end[1..]) => {
                range.push(end);
                words.next();
            }
            Some(sign @ ("-" | "+")) => {
                let sign = sign.to_owned();
                let mut rest = words.clone();
                rest.next();
                if let Some(end) = rest.next().filter(|end| end.to_str().is_some_and(is_time)) {
                    range.push(sign);
                    range.push(end);
                    words = rest;
                }
            }
            _ => {}
        }
        joined.push(range);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("5m"), Some(300.0));
        assert_eq!(duration("1.5h"), Some(5400.0));
        assert_eq!(duration("2"), Some(2.0));
        for bad in ["", "m", "-1s", "nan", "1e300y", "x"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
