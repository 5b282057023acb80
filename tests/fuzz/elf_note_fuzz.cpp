// A file that somebody put into the modules folder: any bytes.
#include <algorithm>
#include <cstring>
#include <string>

#include "host/base/assert.h"
#include "host/modules/elf_note.h"
#include "tests/fuzz/fuzz_input.h"

namespace modhost::host {
namespace {

bool isPrintable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

void checkNote(const ModuleNote& note, std::string_view file) {
  MODHOST_ASSERT(moduleIdValid(note.id) && note.id.size() <= 63);
  MODHOST_ASSERT(isPrintable(note.version) && isPrintable(note.sdk));
  MODHOST_ASSERT(note.abi_major >= 0 && note.abi_min_minor >= 0);
  for (const std::string& text : {note.id, note.version, note.sdk}) {
    MODHOST_ASSERT(file.find(text) != std::string_view::npos);
  }
}

// The same bytes as a file of this name: refused for what parseNote() said, or for its version.
void checkFile(const Result<ModuleNote>& note, std::string_view file) {
  const std::string path = "modules/some.so";
  const Result<ModuleNote> read = readNote(path, file);
  const bool fits = note.ok() && checkAbi(note.value()).ok();
  MODHOST_ASSERT(read.ok() == fits);
  if (read.ok()) return;
  const std::string& message = read.error().message;
  MODHOST_ASSERT(message.rfind(path + ": ", 0) == 0 && isPrintable(message));
  MODHOST_ASSERT(message.size() <= 400 && read.error().kind == ErrorKind::kInvalid);
}

}  // namespace
}  // namespace modhost::host

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modhost::host;
  const std::string_view file = FuzzInput(data, size).rest();
  const Result<ModuleNote> note = parseNote(std::as_bytes(std::span(file)));
  if (note.ok()) checkNote(note.value(), file);
  checkFile(note, file);
  return 0;
}
