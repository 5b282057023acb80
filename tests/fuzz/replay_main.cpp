// Runs a fuzz target over every file of its corpus: what was found once stays found, also where
// there is no libFuzzer. Exit 1: the folder is missing, empty or unreadable.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "tests/fuzz/fuzz_input.h"

namespace {

namespace fs = std::filesystem;

bool replay(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) return false;
  // On the heap and of exactly this size, so that a sanitizer sees one byte too far.
  const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  std::fprintf(stderr, "%s\n", file.filename().c_str());  // the last one named is the guilty one
  LLVMFuzzerTestOneInput(exact.get(), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 1;
  std::error_code error;
  int files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(argv[1], error)) {
    if (!replay(entry.path())) {
      std::fprintf(stderr, "%s: cannot be read\n", entry.path().c_str());
      return 1;
    }
    ++files;
  }
  std::fprintf(stderr, "%d files of %s\n", files, argv[1]);
  return error || files == 0 ? 1 : 0;
}
