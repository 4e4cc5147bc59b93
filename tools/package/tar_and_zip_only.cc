// For programs that libarchive is linked into (TORCH2NNEF_WHEEL): the formats that nobody here writes, and encryption,
// without which none of the libraries is needed that libarchive has for them. Each writer's object names the table of
// all formats; what is defined here, the linker does not fetch from the library. Only archive_stream.cc uses
// libarchive.
#include <archive.h>

// NOLINTBEGIN(bugprone-reserved-identifier): libarchive's own names
extern "C" {

#define ABSENT(format) \
  int archive_write_set_format_##format(struct archive*) { return ARCHIVE_FATAL; }
ABSENT(7zip)
ABSENT(ar_bsd)
ABSENT(ar_svr4)
ABSENT(cpio)
ABSENT(cpio_bin)
ABSENT(cpio_newc)
ABSENT(cpio_odc)
ABSENT(cpio_pwb)
ABSENT(gnutar)
ABSENT(iso9660)
ABSENT(mtree)
ABSENT(mtree_classic)
ABSENT(raw)
ABSENT(shar)
ABSENT(shar_dump)
ABSENT(v7tar)
ABSENT(warc)
ABSENT(xar)
#undef ABSENT

// For an entry with a password: random numbers, and tables of functions.
int archive_random(void* /*bytes*/, unsigned long /*count*/) { return ARCHIVE_FATAL; }
extern const void* const __archive_cryptor[8];
extern const void* const __archive_hmac[8];
const void* const __archive_cryptor[8] = {};
const void* const __archive_hmac[8] = {};
}
// NOLINTEND(bugprone-reserved-identifier)
