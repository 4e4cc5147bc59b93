//! The tokenizers library in C functions, for ../tokenizer.cc. Each but the last gives 0 and hands its result to `give`, or 1 and
//! hands it a message. `give` copies: the bytes are gone afterwards.
use std::ffi::{c_char, c_int, c_void, CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use tokenizers::{Result, Tokenizer};

type Give = extern "C" fn(*mut c_void, *const u8, usize);

fn hand_over(result: Result<Vec<u8>>, give: Give, to: *mut c_void) -> c_int {
    let status = c_int::from(result.is_err());
    let bytes = result.unwrap_or_else(|error| error.to_string().into_bytes());
    give(to, bytes.as_ptr(), bytes.len());
    status
}

unsafe fn slice<'a, T>(items: *const T, count: usize) -> &'a [T] {
    if count == 0 { &[] } else { std::slice::from_raw_parts(items, count) }
}

/// Reads tokenizer.json. The result is a pointer, for the functions below.
/// # Safety
/// `path` ends in a zero byte.
#[no_mangle]
pub unsafe extern "C" fn tokenizer_open(path: *const c_char, give: Give, to: *mut c_void) -> c_int {
    let tokenizer = Tokenizer::from_file(OsStr::from_bytes(CStr::from_ptr(path).to_bytes()));
    let pointer = tokenizer.map(|one| Box::into_raw(Box::new(one)) as usize);
    hand_over(pointer.map(|one| one.to_ne_bytes().to_vec()), give, to)
}

/// The tokens of a text in UTF-8, with those that the tokenizer puts around it: an array of u32.
/// # Safety
/// `tokenizer` is of tokenizer_open; `text` has `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn tokenizer_encode(tokenizer: *const Tokenizer, text: *const u8, length: usize, give: Give, to: *mut c_void) -> c_int {
    let ids = std::str::from_utf8(slice(text, length)).map_err(Into::into).and_then(|text| (*tokenizer).encode(text, true));
    hand_over(ids.map(|ids| ids.get_ids().iter().flat_map(|id| id.to_ne_bytes()).collect()), give, to)
}

/// The text of tokens, in UTF-8, without special ones.
/// # Safety
/// `tokenizer` is of tokenizer_open; there are `count` tokens.
#[no_mangle]
pub unsafe extern "C" fn tokenizer_decode(tokenizer: *const Tokenizer, ids: *const u32, count: usize, give: Give, to: *mut c_void) -> c_int {
    hand_over((*tokenizer).decode(slice(ids, count), true).map(String::into_bytes), give, to)
}

/// # Safety
/// `tokenizer` is of tokenizer_open, and not used again.
#[no_mangle]
pub unsafe extern "C" fn tokenizer_close(tokenizer: *mut Tokenizer) {
    drop(Box::from_raw(tokenizer));
}
