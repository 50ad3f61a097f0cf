//! Which instance this is: id, directories, `runtime.json`, lock (contract 3).
