//! D-Bus messages as octets: as much of the format as asking the Secret Service takes.
//!
//! Source: the D-Bus specification, "Type System" and "Message Protocol". Messages are written little-endian and read
//! either way. Nothing that is read is trusted: a length that doesn't fit is an error, and no more than [`LONGEST`] octets are taken.

use zeroize::Zeroizing;

/// The longest message that is read. A secret has less than a kilobyte; the format allows 128 MiB.
pub(super) const LONGEST: usize = 1 << 20;
/// As much of a message as tells how long all of it is.
pub(super) const PREFIX: usize = 16;

/// What is wrong with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// Values in the order of their types. What is written may hold a secret, so it is erased when dropped, and made with
/// room enough that it is never moved.
pub(super) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(16 << 10)))
    }

    fn align(&mut self, to: usize) {
        let length = self.0.len().next_multiple_of(to);
        self.0.resize(length, 0);
    }

    pub(super) fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(super) fn u32(&mut self, value: usize) -> &mut Self {
        self.align(4);
        // No text of ours has 4 GiB; one that had would be refused by the bus as malformed.
        self.0.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
        self
    }

    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        self.u32(usize::from(value))
    }

    /// A string, or an object path.
    pub(super) fn string(&mut self, value: &str) -> &mut Self {
        self.u32(value.len());
        self.0.extend(value.as_bytes());
        self.byte(0)
    }

    pub(super) fn signature(&mut self, value: &str) -> &mut Self {
        self.byte(u8::try_from(value.len()).unwrap_or(u8::MAX));
        self.0.extend(value.as_bytes());
        self.byte(0)
    }

    pub(super) fn octets(&mut self, value: &[u8]) -> &mut Self {
        self.u32(value.len());
        self.0.extend(value);
        self
    }

    /// A structure, or an entry of a dictionary.
    pub(super) fn structure(&mut self) -> &mut Self {
        self.align(8);
        self
    }

    /// An array whose elements are aligned to `to` octets.
    pub(super) fn array(&mut self, to: usize, elements: impl FnOnce(&mut Self)) -> &mut Self {
        self.u32(0);
        let at = self.0.len() - 4;
        self.align(to);
        let start = self.0.len();
        elements(self);
        let length = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
        self
    }

    /// A dictionary of strings (`a{ss}`).
    pub(super) fn dictionary(&mut self, entries: &[(&str, &str)]) -> &mut Self {
        self.array(8, |writer| {
            for (name, value) in entries {
                writer.structure().string(name).string(value);
            }
        })
    }

    pub(super) fn written(&self) -> &[u8] {
        &self.0
    }
}

/// A call, which is one message.
pub(super) struct Call<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) signature: &'a str,
}

impl Call<'_> {
    /// The message with this number, and what it carries.
    pub(super) fn message(&self, serial: u32, body: &Writer) -> Zeroizing<Vec<u8>> {
        let mut header = Writer::new();
        header.byte(b'l').byte(CALL).byte(0).byte(1).u32(body.written().len()).u32(serial as usize);
        let fields = [
            (PATH, "o", self.path),
            (INTERFACE, "s", self.interface),
            (MEMBER, "s", self.member),
            (DESTINATION, "s", self.destination),
        ];
        header.array(8, |header| {
            for (code, kind, value) in fields {
                header.structure().byte(code).signature(kind).string(value);
            }
            if !self.signature.is_empty() {
                header.structure().byte(SIGNATURE).signature("g").signature(self.signature);
            }
        });
        header.structure();
        let mut message = Zeroizing::new(Vec::with_capacity(header.written().len() + body.written().len()));
        message.extend(header.written());
        message.extend(body.written());
        message
    }
}

const CALL: u8 = 1;
pub(super) const RETURN: u8 = 2;
pub(super) const ERROR: u8 = 3;
pub(super) const SIGNAL: u8 = 4;

pub(super) const PATH: u8 = 1;
const INTERFACE: u8 = 2;
pub(super) const MEMBER: u8 = 3;
pub(super) const ERROR_NAME: u8 = 4;
pub(super) const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
pub(super) const SIGNATURE: u8 = 8;

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The answer to the call of this number.
    Return(u32),
    /// The error with which the call of this number was answered.
    Error(u32, String),
    /// A signal of this name, from this object.
    Signal { path: String, member: String },
    /// Anything else.
    Other,
}

/// A message that has arrived whole.
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) signature: String,
    octets: Zeroizing<Vec<u8>>,
    body: usize,
}

/// How long the message is that begins so.
pub(super) fn length(prefix: &[u8; PREFIX]) -> Result<usize> {
    let mut reader = Reader { octets: prefix, at: 0, big: big(prefix[0])? };
    reader.at = 4;
    let body = reader.u32()? as usize;
    reader.at = 12;
    let fields = reader.u32()? as usize;
    // Neither can overflow once both are known to be short.
    if body > LONGEST || fields > LONGEST {
        return Err(Malformed);
    }
    let whole = (PREFIX + fields).next_multiple_of(8) + body;
    if whole > LONGEST { Err(Malformed) } else { Ok(whole) }
}

fn big(first: u8) -> Result<bool> {
    match first {
        b'l' => Ok(false),
        b'B' => Ok(true),
        _ => Err(Malformed),
    }
}

impl Message {
    pub(super) fn read(octets: Zeroizing<Vec<u8>>) -> Result<Self> {
        let whole = length(octets.first_chunk().ok_or(Malformed)?)?;
        if octets.len() != whole {
            return Err(Malformed);
        }
        let mut reader = Reader { octets: &octets, at: 0, big: big(octets[0])? };
        reader.at = 1;
        let kind = reader.byte()?;
        let (mut path, mut member, mut error, mut signature) = ("", "", "", "");
        let mut answers = None;
        reader.at = 12;
        let fields = reader.u32()? as usize + PREFIX;
        while reader.at < fields {
            reader.align(8)?;
            match (reader.byte()?, reader.signature()?) {
                (PATH, "o") => path = reader.path()?,
                (MEMBER, "s") => member = reader.string()?,
                (ERROR_NAME, "s") => error = reader.string()?,
                (REPLY_SERIAL, "u") => answers = Some(reader.u32()?),
                (SIGNATURE, "g") => signature = reader.signature()?,
                // The other fields of the specification are of these types.
                (_, "s" | "o") => drop(reader.string()?),
                (_, "u") => drop(reader.u32()?),
                _ => return Err(Malformed),
            }
        }
        reader.align(8)?;
        let body = reader.at;
        let kind = match (kind, answers) {
            (RETURN, Some(serial)) => Kind::Return(serial),
            (ERROR, Some(serial)) => Kind::Error(serial, error.to_owned()),
            (RETURN | ERROR, None) => return Err(Malformed),
            (SIGNAL, _) => Kind::Signal { path: path.to_owned(), member: member.to_owned() },
            _ => Kind::Other,
        };
        let signature = signature.to_owned();
        Ok(Self { kind, signature, octets, body })
    }

    /// Reads what the message carries, which must be of the types that are expected.
    pub(super) fn body(&self, signature: &str) -> Result<Reader<'_>> {
        if self.signature != signature {
            return Err(Malformed);
        }
        let octets = self.octets.get(self.body..).ok_or(Malformed)?;
        Ok(Reader { octets, at: 0, big: big(self.octets[0])? })
    }
}

/// Reads values one after another.
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    big: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let taken = self.octets.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn align(&mut self, to: usize) -> Result<()> {
        self.take(self.at.next_multiple_of(to) - self.at).map(drop)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.align(4)?;
        let octets = *self.take(4)?.first_chunk().ok_or(Malformed)?;
        Ok(if self.big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
    }

    pub(super) fn boolean(&mut self) -> Result<bool> {
        Ok(self.u32()? != 0)
    }

    fn text(&mut self, length: usize) -> Result<&'a str> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed)?;
        if self.byte()? == 0 { Ok(text) } else { Err(Malformed) }
    }

    pub(super) fn string(&mut self) -> Result<&'a str> {
        let length = self.u32()? as usize;
        self.text(length)
    }

    /// The path of an object.
    pub(super) fn path(&mut self) -> Result<&'a str> {
        let path = self.string()?;
        let good = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'/' || octet == b'_';
        if path.starts_with('/') && path.bytes().all(good) { Ok(path) } else { Err(Malformed) }
    }

    pub(super) fn signature(&mut self) -> Result<&'a str> {
        let length = self.byte()?.into();
        self.text(length)
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// An array of paths.
    pub(super) fn paths(&mut self) -> Result<Vec<&'a str>> {
        let length = self.u32()? as usize;
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let mut paths = Vec::new();
        while self.at < end {
            paths.push(self.path()?);
        }
        Ok(paths)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const HELLO: Call<'_> = Call {
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        member: "Hello",
        signature: "",
    };

    /// A message with these header fields: code, type, value.
    pub(in super::super) fn message(kind: u8, fields: &[(u8, &str, &str)], body: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.byte(b'l').byte(kind).byte(0).byte(1).u32(body.len()).u32(7);
        writer.array(8, |writer| {
            for (code, kind, value) in fields {
                writer.structure().byte(*code).signature(kind);
                match *kind {
                    "u" => writer.u32(value.parse().unwrap()),
                    "g" => writer.signature(value),
                    _ => writer.string(value),
                };
            }
        });
        writer.structure();
        [writer.written(), body].concat()
    }

    fn read(octets: &[u8]) -> Result<Message> {
        Message::read(Zeroizing::new(octets.to_vec()))
    }

    #[test]
    fn a_call_is_written_as_the_specification_says() {
        let octets = HELLO.message(1, &Writer::new());
        let expected = b"l\x01\0\x01\0\0\0\0\x01\0\0\0\x6d\0\0\0\
            \x01\x01o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0\
            \x02\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0\
            \x03\x01s\0\x05\0\0\0Hello\0\0\0\
            \x06\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0";
        assert_eq!(&octets[..], &expected[..]);
        assert_eq!(length(octets.first_chunk().unwrap()), Ok(octets.len()));
    }

    #[test]
    fn an_answer_an_error_and_a_signal_are_told_apart() {
        let answer =
            read(&message(RETURN, &[(REPLY_SERIAL, "u", "2"), (SIGNATURE, "g", "s")], b"\x02\0\0\0hi\0"))
                .unwrap();
        assert_eq!(answer.kind, Kind::Return(2));
        assert_eq!(answer.body("s").unwrap().string(), Ok("hi"));
        assert!(answer.body("o").is_err(), "of another type than is expected");
        let error =
            read(&message(ERROR, &[(REPLY_SERIAL, "u", "1"), (ERROR_NAME, "s", "a.b")], b"")).unwrap();
        assert_eq!(error.kind, Kind::Error(1, "a.b".to_owned()));
        let fields = [(PATH, "o", "/a"), (INTERFACE, "s", "a.b"), (MEMBER, "s", "Done"), (9, "u", "0")];
        let signal = read(&message(SIGNAL, &fields, b"")).unwrap();
        assert_eq!(signal.kind, Kind::Signal { path: "/a".to_owned(), member: "Done".to_owned() });
        assert_eq!(read(&message(CALL, &fields, b"")).unwrap().kind, Kind::Other);
    }

    #[test]
    fn either_order_of_octets_is_read() {
        let mut octets = vec![b'B', RETURN, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 16];
        octets.extend(b"\x05\x01u\0\0\0\0\x09\x08\x01g\0\x02ao\0");
        octets.extend(b"\0\0\0\0\0\0\0\0");
        let whole = octets.len();
        assert_eq!(length(octets.first_chunk().unwrap()), Ok(whole));
        let message = read(&octets).unwrap();
        assert_eq!(message.kind, Kind::Return(9));
        assert_eq!(message.body("ao").unwrap().paths(), Ok(vec![]));
    }

    #[test]
    fn lengths_that_do_not_fit_are_errors_and_long_messages_are_not_read() {
        let good =
            message(RETURN, &[(REPLY_SERIAL, "u", "1"), (SIGNATURE, "g", "ao")], b"\xff\xff\xff\x7f/a\0");
        assert!(read(&good).unwrap().body("ao").unwrap().paths().is_err());
        for (at, octets) in [(4, [0xff; 4]), (12, [0xff; 4]), (4, [0, 0, 0x20, 0])] {
            let mut bad = good.clone();
            bad[at..at + 4].copy_from_slice(&octets);
            assert_eq!(length(bad.first_chunk().unwrap()), Err(Malformed));
        }
        assert!(read(&message(RETURN, &[], b"")).is_err(), "an answer to nothing");
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(mut octets: Vec<u8>, kind in 0u8..6, fields in 0u8..64) {
            if let Some(prefix) = octets.first_chunk_mut::<PREFIX>() {
                prefix.copy_from_slice(&[b'l', kind, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, fields, 0, 0, 0]);
                let body = octets.len().saturating_sub((PREFIX + usize::from(fields)).next_multiple_of(8));
                octets[4] = u8::try_from(body).unwrap_or(0);
            }
            if let Ok(message) = read(&octets)
                && let Ok(mut body) = message.body(&message.signature)
            {
                let _ = (body.paths(), body.octets(), body.align(8), body.string(), body.boolean());
            }
        }
    }
}
