#include <doctest/doctest.h>

#include "sandbox/document_index.h"
#include "tests/support/temp_folder.h"

namespace modhost::sandbox {
namespace {

Document document(const std::string& key, std::vector<std::string> passages) {
  return {key, "About " + key, {}, std::move(passages)};
}

std::vector<Document> library() {
  return {document("fees", {"A SEPA transfer costs nothing.", "A SWIFT transfer costs 12 EUR."}),
          document("office", {"The office in Z\xC3\xBCrich opens at nine."}),
          document("pets", {"Dogs are welcome. Cats are not."})};
}

std::vector<std::string> texts(const std::vector<Passage>& passages) {
  std::vector<std::string> all;
  for (const Passage& passage : passages) all.push_back(passage.text);
  return all;
}

SearchRequest asking(const std::string& text) {
  SearchRequest request;
  request.text = text;
  return request;
}

}  // namespace

TEST_SUITE("sandbox search") {
  TEST_CASE("search: the passage that fits best comes first") {
    DocumentIndex index(":memory:");
    index.replace(library());

    const auto found = index.search(asking("What does a SWIFT transfer cost?"));

    REQUIRE(found.size() == 2);
    CHECK(found[0].text == "A SWIFT transfer costs 12 EUR.");
    CHECK(found[0].order == 2);
    CHECK(found[0].title == "About fees");
    CHECK(found[0].score > found[1].score);
    CHECK(found[0].score <= 1);
    CHECK(found[1].score > 0);
  }

  TEST_CASE("search: accents and endings do not matter") {
    DocumentIndex index(":memory:");
    index.replace(library());

    CHECK(index.search(asking("zurich opening")).size() == 1);
    CHECK(index.search(asking("dog")).size() == 1);
    CHECK(index.search(asking("welc")).size() == 1);
  }

  TEST_CASE("search: whatever is typed is never a syntax error") {
    DocumentIndex index(":memory:");
    index.replace(library());

    for (const std::string& text :
         {std::string("\""), std::string("\"transfer"), std::string("transfer AND OR NOT NEAR("),
          std::string("text:transfer* ^transfer -transfer +x"),
          std::string("'; DROP TABLE passages; --"), std::string("\xF0\x9F\x8E\x89"),
          std::string("transfer\0more", 13), std::string("\0", 1),
          std::string("{}[]()<>|\\/&%$#@!~`"), std::string(1'000'000, 'a'),
          std::string(1'000'000, '"'), std::string("\xE2\x80\x9Ctransfer\xE2\x80\x9D")}) {
      CHECK_NOTHROW(index.search(asking(text)));
    }
    CHECK(index.search(asking("\"transfer")).size() == 2);
    CHECK(index.search(asking("NOT transfer")).size() == 3);  // "Cats are not." has that word
    CHECK(index.search(asking("\xE2\x80\x9Ctransfer\xE2\x80\x9D")).size() == 2);
    CHECK(index.search(asking("\xF0\x9F\x8E\x89")).empty());
    CHECK(index.passageCount() == 4);
  }

  TEST_CASE("search: a megabyte of different words is a bounded query") {
    DocumentIndex index(":memory:");
    index.replace(library());
    std::string text;
    for (int i = 0; text.size() < 1'000'000; ++i) text += "w" + std::to_string(i) + " ";

    CHECK(index.search(asking(text)).empty());
    CHECK(matchExpression(text).size() < 64 * 16);
  }

  TEST_CASE("search: limit and page and threshold and documents narrow the answer") {
    DocumentIndex index(":memory:");
    index.replace(library());
    SearchRequest request = asking("transfer");
    const auto both = index.search(request);
    REQUIRE(both.size() == 2);

    request.limit = 1;
    CHECK(texts(index.search(request)) == std::vector<std::string>{both[0].text});
    request.page = 2;
    CHECK(texts(index.search(request)) == std::vector<std::string>{both[1].text});
    request.page = 3;
    CHECK(index.search(request).empty());

    request = asking("transfer office");
    request.content_ids = {index.search(asking("office")).at(0).content_id};
    CHECK(index.search(request).size() == 1);

    request = asking("transfer");
    request.score_min = 1;
    CHECK(index.search(request).empty());
  }

  TEST_CASE("search: replacing the documents forgets the old ones and keeps ids") {
    const host::TempFolder folder;
    std::string first_id;
    {
      DocumentIndex index(folder.file("sandbox.db"));
      index.replace(library());
      first_id = index.search(asking("dogs")).at(0).chunk_id;
    }
    DocumentIndex index(folder.file("sandbox.db"));
    index.replace({document("pets", {"Dogs are welcome."})});

    CHECK(index.documentCount() == 1);
    CHECK(index.search(asking("dogs")).at(0).chunk_id == first_id);
    CHECK(index.search(asking("transfer")).empty());
  }
}

}  // namespace modhost::sandbox
