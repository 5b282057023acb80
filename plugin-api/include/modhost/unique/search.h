// Search in the knowledge base, with the rights of the event's user.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modhost/json.h"

namespace modhost {

struct SearchRequest {
  std::string search_string = {};
  std::string search_type = "COMBINED";  // or VECTOR, FULL_TEXT, POSTGRES_FULL_TEXT
  std::optional<int> limit = {};         // the platform's default is 20, its maximum 1000
  std::optional<int> page = {};          // from 1
  std::optional<double> score_threshold = {};
  std::optional<std::string> chat_id = {};
  std::optional<bool> chat_only = {};
  std::optional<std::vector<std::string>> scope_ids = {};
  std::optional<std::vector<std::string>> content_ids = {};
  std::optional<std::string> language = {};
  Json reranker = nullptr;
  Json meta_data_filter = nullptr;  // never an empty object: the platform refuses it
};

struct SearchResult {
  std::string id = {}, chunk_id = {};
  std::string key = {}, title = {}, url = {};
  std::string text = {};  // empty when there is none; `raw` tells a missing text from a null one
  Json raw = {};          // the whole result
};

namespace detail {

inline Json toJson(const SearchRequest& request) {
  Json json = {{"searchString", request.search_string}, {"searchType", request.search_type}};
  putIfSet(json, "limit", request.limit);
  putIfSet(json, "page", request.page);
  putIfSet(json, "scoreThreshold", request.score_threshold);
  putIfSet(json, "chatId", request.chat_id);
  putIfSet(json, "chatOnly", request.chat_only);
  putIfSet(json, "scopeIds", request.scope_ids);
  putIfSet(json, "contentIds", request.content_ids);
  putIfSet(json, "language", request.language);
  putIfSet(json, "reranker", request.reranker);
  putIfSet(json, "metaDataFilter", request.meta_data_filter);
  return json;
}

inline SearchResult searchResult(Json&& json) {
  SearchResult result;
  result.id = stringOf(memberOf(json, "id"));
  result.chunk_id = stringOf(memberOf(json, "chunkId"));
  result.key = stringOf(memberOf(json, "key"));
  result.title = stringOf(memberOf(json, "title"));
  result.url = stringOf(memberOf(json, "url"));
  result.text = stringOf(memberOf(json, "text"));
  result.raw = std::move(json);
  return result;
}

}  // namespace detail
}  // namespace modhost
