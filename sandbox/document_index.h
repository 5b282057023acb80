// DocumentIndex: full-text search over the passages of the documents, ranked by BM25 (SQLite FTS5).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "sandbox/database.h"
#include "sandbox/documents.h"

namespace modhost::sandbox {

struct SearchRequest {
  std::string text;
  std::size_t limit = 20;
  std::size_t page = 1;                  // from 1
  double score_min = 0;                  // 0..1; lower scores are left out
  std::vector<std::string> content_ids;  // only in these documents; empty: in all
};

struct Passage {
  std::string content_id;  // of the document: "cont_" + a hash of its key, stable over restarts
  std::string chunk_id;    // of the passage
  std::string key;
  std::string title;
  std::string text;
  std::size_t order = 0;  // from 1, within its document
  host::WallTime changed_at{};
  double score = 0;  // 0..1, higher is better; comparable within one answer only
};

// Threads: every method may be called from any thread at once. Errors: StoreError.
class DocumentIndex {
 public:
  // Keeps the index in `database_path`, or in memory for ":memory:".
  explicit DocumentIndex(const std::string& database_path);

  // Replaces everything that was indexed before; other threads see the old or the new whole.
  void replace(const std::vector<Document>& documents);

  // The best passages first. Whatever the text holds, it is words to look for and never query
  // syntax.
  std::vector<Passage> search(const SearchRequest& request);

  // The whole document, in the order of its passages; empty: there is none with this id.
  std::vector<Passage> document(const std::string& content_id);

  // The best passage that holds the text, however it is wrapped and marked up: letters and digits
  // decide. nullopt: none does.
  std::optional<Passage> quoted(const std::string& text);

  // Titles of up to `count` documents, those with most passages first.
  std::vector<std::string> titles(std::size_t count);

  std::size_t documentCount();
  std::size_t passageCount();

 private:
  std::size_t count(std::string_view sql);

  host::Mutex mutex_;
  Database database_ GUARDED_BY(mutex_);
};

// An FTS5 expression that finds passages with any of the text's words or words that begin with one
// of them; empty when the text has no words.
std::string matchExpression(std::string_view text);

}  // namespace modhost::sandbox
