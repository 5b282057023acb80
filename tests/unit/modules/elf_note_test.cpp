#include "host/modules/elf_note.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <random>

#include "tests/support/temp_folder.h"

using namespace modhost::host;

namespace {

std::string tiny(const std::string& name) {
  return std::string(TINY_MODULES_FOLDER) + "/" + name + ".so";
}

std::string bytesOf(const std::string& name) {
  Result<std::string> bytes = readModuleFile(tiny(name));
  REQUIRE(bytes.ok());
  return bytes.take();
}

Result<ModuleNote> parse(const std::string& bytes) {
  return parseNote(std::as_bytes(std::span(bytes)));
}

std::string refusal(const std::string& path) {
  const Result<ModuleNote> note = readNote(path);
  REQUIRE_FALSE(note.ok());
  CHECK(note.error().kind == ErrorKind::kInvalid);
  return note.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

// A shared object whose one segment of notes holds `empty` of no name and no description, then
// the one of `module`.
std::string withEmptyNotes(const std::string& module, std::size_t empty) {
  const std::size_t name = module.find(std::string("modhost\0", 8));
  REQUIRE(name != std::string::npos);
  const std::string notes = std::string(12 * empty, '\0') + module.substr(name - 12, 12 + 8 + 176);
  Elf64_Ehdr header{};
  std::memcpy(&header, module.data(), sizeof header);
  header.e_phoff = sizeof header;
  header.e_phnum = 1;
  header.e_shnum = 0;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = notes.size();
  std::string file(sizeof header + sizeof segment, '\0');
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, &segment, sizeof segment);
  return file + notes;
}

std::string patched(std::string bytes, std::size_t at, char value) {
  bytes[at] = value;
  return bytes;
}

}  // namespace

TEST_SUITE("elf_note") {
  TEST_CASE("elf_note: a module's note names it and the ABI it needs") {
    const Result<ModuleNote> note = readNote(tiny("ok_module"));

    REQUIRE(note.ok());
    CHECK(note.value().id == "ok-module");
    CHECK(note.value().version == "1.2.3");
    CHECK(note.value().sdk == "tiny C");
    CHECK(note.value().abi_major == 1);
    CHECK(note.value().abi_min_minor == 0);
  }

  TEST_CASE("elf_note: the note is found by section headers when no segment names it") {
    std::string bytes = bytesOf("ok_module");
    std::uint16_t no_segments = 0;
    std::memcpy(bytes.data() + 56, &no_segments, sizeof(no_segments));  // e_phnum

    const Result<ModuleNote> note = parse(bytes);

    REQUIRE(note.ok());
    CHECK(note.value().id == "ok-module");
  }

  TEST_CASE("elf_note: what is not a loadable module file is refused with the reason") {
    TempFolder folder;
    std::ofstream(folder.file("text.so")) << "#!/bin/sh\n";
    REQUIRE(::mkfifo(folder.file("pipe.so").c_str(), 0600) == 0);

    CHECK(contains(refusal(folder.file("missing.so")), "missing.so: not found"));
    CHECK(contains(refusal(folder.path().string()), "not a regular file"));
    CHECK(contains(refusal(folder.file("pipe.so")), "not a regular file"));
    CHECK(contains(refusal(folder.file("text.so")), "not an ELF file"));
    CHECK(contains(refusal(tiny("no_note")), "is it a modhost module?"));
    CHECK(contains(refusal(TEST_WORKER), TEST_WORKER));
  }

  TEST_CASE("elf_note: a file for another machine is refused with what differs") {
    const std::string good = bytesOf("ok_module");

    CHECK(contains(parse(patched(good, 4, 1)).takeError().message, "32-bit"));
    CHECK(contains(parse(patched(good, 5, 2)).takeError().message, "byte order"));
    CHECK(contains(parse(patched(good, 18, 3)).takeError().message, "another machine (number 3)"));
    CHECK(contains(parse(patched(good, 16, 2)).takeError().message, "not a shared object"));
  }

  TEST_CASE("elf_note: another ABI is refused with both versions and which side to upgrade") {
    const std::string newer = refusal(tiny("wrong_major"));
    CHECK(contains(newer, tiny("wrong_major")));
    CHECK(
        contains(newer, "module wrong-major needs ABI 2.0, this host offers 1.0: upgrade modhost"));

    CHECK(contains(refusal(tiny("min_minor_too_new")),
                   "needs ABI 1.1, this host offers 1.0: upgrade modhost"));

    const Result<void> older = checkAbi({"old", "1", "", 0, 9});
    REQUIRE_FALSE(older.ok());
    CHECK(contains(older.error().message, "needs ABI 0.9"));
    CHECK(contains(older.error().message, "rebuild the module"));
  }

  TEST_CASE("elf_note: an id other than lower-case letters and digits and dashes is malformed") {
    std::string bytes = bytesOf("ok_module");
    const std::size_t at = bytes.find("ok-module");
    REQUIRE(at != std::string::npos);

    for (const char bad : {'/', '.', 'A', ' ', '\n', '\xff', '\0'}) {
      std::string broken = bytes;
      for (std::size_t i = broken.find("ok-module"); i != std::string::npos;
           i = broken.find("ok-module", i + 1)) {
        broken[i] = bad;
      }
      CHECK(contains(parse(broken).takeError().message, "malformed"));
    }
  }

  TEST_CASE("elf_note: notes before ours are looked through up to their limit") {
    // Without one, a file of nothing but empty notes kept a reload busy for a quarter of a minute.
    CHECK(parse(withEmptyNotes(bytesOf("ok_module"), 1000)).ok());
    CHECK(contains(parse(withEmptyNotes(bytesOf("ok_module"), 1024)).takeError().message,
                   "no modhost note"));
  }

  TEST_CASE("elf_note: no cut of a real file makes it read out of bounds") {
    const std::string whole = bytesOf("ok_module");
    for (std::size_t size = 0; size < whole.size(); size += 64) {
      // A heap copy of exactly this size, so that a sanitizer sees one byte too far.
      const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const Result<ModuleNote> note = parseNote(std::as_bytes(std::span(cut)));
      if (note.ok()) CHECK(note.value().id == "ok-module");
    }
  }

  TEST_CASE("elf_note: no changed header byte makes it read out of bounds") {
    const std::string whole = bytesOf("ok_module");
    std::mt19937 random(7);
    // The ELF header, the program headers and the notes behind them; then the section headers at
    // the end.
    for (std::size_t at = 0; at < 1024; ++at) {
      for (const char value : {'\x00', '\x01', '\x7f', '\x80', '\xff'})
        (void)parse(patched(whole, at, value));
    }
    for (int i = 0; i < 2000; ++i) {
      std::string broken = whole;
      for (int flips = 0; flips < 8; ++flips) {
        const bool head = random() % 2 == 0;
        const std::size_t at = head ? random() % 1024 : whole.size() - 1 - random() % 2048;
        broken[at] = static_cast<char>(random());
      }
      (void)parse(broken);
    }
    CHECK(parse(whole).ok());
  }
}
