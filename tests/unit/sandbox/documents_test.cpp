#include "sandbox/documents.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "host/base/startup_error.h"
#include "sandbox/text.h"
#include "tests/support/temp_folder.h"

namespace modhost::sandbox {
namespace {

void writeFile(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_SUITE("sandbox documents") {
  TEST_CASE("documents: a text is cut at its headings and each passage names its heading") {
    const auto passages = cutIntoPassages("# Fees\nFree.\n\n## Custody\nFirst.\n\nSecond.\n");

    CHECK(passages ==
          std::vector<std::string>{"# Fees\n\nFree.", "## Custody\n\nFirst.\n\nSecond."});
  }

  TEST_CASE("documents: a heading inside a fence is text") {
    const auto passages = cutIntoPassages("# A\n```\n# comment\n\nx\n```\n");

    CHECK(passages == std::vector<std::string>{"# A\n\n```\n# comment\n\nx\n```"});
  }

  TEST_CASE("documents: no passage is longer than the limit and nothing is lost") {
    const std::string words = repeated("word ", 2000);
    const std::string paragraphs = repeated("Some paragraph of text.\n\n", 300);
    const std::string no_space = repeated("\xC3\xBC", 5000);

    for (const std::string& body : {words, paragraphs, no_space}) {
      std::string all;
      const auto passages = cutIntoPassages("# H\n" + body);
      for (const std::string& passage : passages) {
        CHECK(passage.size() <= kPassageBytesMax);
        CHECK(passage.starts_with("# H\n\n"));
        CHECK(validUtf8(passage) == passage);
        all += passage.substr(5);
      }
      CHECK(passages.size() > 5);
      const auto letters = [](const std::string& text) {
        return std::count_if(text.begin(), text.end(),
                             [](char c) { return c != ' ' && c != '\n'; });
      };
      CHECK(letters(all) == letters(body));
    }
  }

  TEST_CASE("documents: Windows line ends and a text of headings alone are read") {
    CHECK(cutIntoPassages("# A\r\none\r\n\r\ntwo\r\n") ==
          std::vector<std::string>{"# A\n\none\n\ntwo"});
    CHECK(cutIntoPassages("# Only this\n") == std::vector<std::string>{"# Only this"});
    CHECK(cutIntoPassages("").empty());
    CHECK(cutIntoPassages(" \n\n\t\n").empty());
  }

  TEST_CASE("documents: the folder is read with sub-folders and without hidden and foreign files") {
    const host::TempFolder folder;
    writeFile(folder.path() / "b.md", "# Title of b\ntext");
    writeFile(folder.path() / "sub" / "a.txt", "plain");
    writeFile(folder.path() / ".git" / "c.md", "hidden");
    writeFile(folder.path() / "d.pdf", "no text");

    const Folder read = readFolder(folder.path());

    REQUIRE(read.documents.size() == 2);
    CHECK(read.documents[0].key == "b.md");
    CHECK(read.documents[0].title == "Title of b");
    CHECK(read.documents[1].key == "sub/a.txt");
    CHECK(read.documents[1].title == "a");
    CHECK(read.documents[1].changed_at.time_since_epoch().count() > 0);
    CHECK(read.skipped.empty());
  }

  TEST_CASE("documents: what cannot be text is named and the rest is read") {
    const host::TempFolder folder;
    writeFile(folder.path() / "nul.txt", std::string("a\0b", 3));
    writeFile(folder.path() / "big.txt", std::string(kDocumentBytesMax + 1, 'x'));
    writeFile(folder.path() / "latin1.txt", "caf\xE9");
    writeFile(folder.path() / "bom.md", "\xEF\xBB\xBF# Bom\nx");

    const Folder read = readFolder(folder.path());

    REQUIRE(read.documents.size() == 2);
    CHECK(read.documents[0].title == "Bom");
    CHECK(read.documents[1].passages == std::vector<std::string>{"caf\xEF\xBF\xBD"});
    REQUIRE(read.skipped.size() == 2);
    CHECK(read.skipped[0].find("nul.txt") + read.skipped[1].find("nul.txt") !=
          2 * std::string::npos);
  }

  TEST_CASE("documents: a folder that is not there cannot be started with") {
    CHECK_THROWS_AS(readFolder("/nowhere/at/all"), host::StartupError);
  }
}

TEST_SUITE("sandbox text") {
  TEST_CASE("text: malformed UTF-8 becomes replacement characters") {
    CHECK(validUtf8("Z\xC3\xBCrich \xF0\x9F\x8E\x89") == "Z\xC3\xBCrich \xF0\x9F\x8E\x89");
    CHECK(validUtf8("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");                    // overlong
    CHECK(validUtf8("\xED\xA0\x80").find('\xED') == std::string::npos);            // a surrogate
    CHECK(validUtf8("a\xF0\x9F\x8E") == "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // cut off
    CHECK(validUtf8("\xF4\x90\x80\x80").find('\xF4') == std::string::npos);        // above U+10FFFF
  }

  TEST_CASE("text: terms are the different words without the commonest") {
    CHECK(terms("What is the SWIFT fee? The fee!") == std::vector<std::string>{"swift", "fee"});
    CHECK(terms("to be or") == std::vector<std::string>{"to", "be", "or"});
    CHECK(terms("\"*()-;:'").empty());
    CHECK(terms(repeated("x", 65)).empty());
  }

  TEST_CASE("text: code is no sentence and a fence that was cut open ends with its passage") {
    CHECK(sentences("One.\n```sh\ncode here.\n```\nTwo.") ==
          std::vector<std::string>{"One.", "Two."});
    CHECK(sentences("One.\n```\ncode\n---\nTwo.") == std::vector<std::string>{"One.", "Two."});
  }

  TEST_CASE("text: a heading and a list item are sentences of their own") {
    CHECK(sentences("## Fees\nOne costs 1.5 EUR. Two\ncosts nothing!\n- a\n- b") ==
          std::vector<std::string>{"## Fees", "One costs 1.5 EUR.", "Two costs nothing!", "- a",
                                   "- b"});
  }
}

}  // namespace modhost::sandbox
