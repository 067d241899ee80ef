//! Small text files that must never be half written: the flush note and the flush journal. Each is replaced as a whole
//! (new file, sync, rename, sync of the directory) and ends with its own checksum.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::Disk;

/// A note larger than this was not written by us.
const MAX_NOTE_BYTES: usize = 16 * 1024 * 1024;

/// What reading a note found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Its lines; none when the file does not exist.
    Lines(Vec<String>),
    /// It exists and is damaged.
    Damaged,
}

/// Reads the note `name` in `dir`, which holds files of the given sizes.
pub(crate) fn read(disk: &dyn Disk, dir: &Path, name: &str, files: &[(String, u64)]) -> io::Result<Note> {
    let Some((_, size)) = files.iter().find(|(file, _)| file == name) else {
        return Ok(Note::Lines(Vec::new()));
    };
    let Some(size) = usize::try_from(*size).ok().filter(|size| *size <= MAX_NOTE_BYTES) else {
        return Ok(Note::Damaged);
    };
    let mut bytes = vec![0; size];
    let read = disk.open(&dir.join(name))?.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(parse(name, &bytes).map_or(Note::Damaged, Note::Lines))
}

/// Replaces the note `name` in `dir`, durably.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, name: &str, lines: &[String]) -> io::Result<()> {
    let temporary = temporary(dir, name);
    let file = disk.create(&temporary)?;
    file.write_at(0, render(name, lines).as_bytes())?;
    file.sync()?;
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)
}

fn temporary(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.tmp"))
}

fn render(name: &str, lines: &[String]) -> String {
    let mut text = format!("atalaya-log {name} 1\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let crc = crc32c::crc32c(text.as_bytes());
    text + &format!("crc32c {crc:08x}\n")
}

fn parse(name: &str, bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let body = lines.get(1..lines.len().checked_sub(1)?)?;
    (render(name, body) == text).then(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_every_flipped_bit_is_found() {
        let lines = vec!["a b".to_owned(), "c".to_owned()];
        let mut bytes = render("flushed", &lines).into_bytes();
        assert_eq!(parse("flushed", &bytes), Some(lines));
        assert_eq!(parse("journal", &bytes), None);
        assert_eq!(parse("flushed", b""), None);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse("flushed", &bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn an_empty_note_reads_back() {
        assert_eq!(parse("journal", render("journal", &[]).as_bytes()), Some(Vec::new()));
    }
}
