//! Writes the compiled form of a model folder to standard output: `compiled_form FOLDER KEY`.

use std::io::Write as _;
use std::path::Path;

use atalaya_model::{ModelFiles, load_compiling};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(folder), Some(key)) = (args.next(), args.next()) else {
        return Err("usage: compiled_form FOLDER KEY".into());
    };
    let files = ModelFiles::from_pairs(atalaya_testkit::read_folder(Path::new(&folder)))?;
    let (_, form) = load_compiling(&files, &key.to_string_lossy())?;
    let form = form.ok_or("the model has no ensemble, and so no compiled form")?;
    Ok(std::io::stdout().write_all(&form)?)
}
