// The settings of rag-responder: each with its type, default, limits and a sentence. The one place:
// the host validates `config:` against it, and RagConfig reads its defaults from it.
#pragma once

namespace rag {

inline constexpr char kConfigSchema[] =
    R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "rag-responder",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "searching_text": {
      "type": "string", "default": "Searching knowledge base...",
      "description": "The step shown while the knowledge base is searched."
    },
    "found_text": {
      "type": "string", "default": "Found {count} relevant documents",
      "description": "What that step says when it is done; {count} is the number of results."
    },
    "generating_text": {
      "type": "string", "default": "Generating response...",
      "description": "The step shown while the model writes."
    },
    "generated_text": {
      "type": "string", "default": "Response generated",
      "description": "What that step says when it is done."
    },
    "search_type": {
      "type": "string", "default": "COMBINED",
      "enum": ["VECTOR", "COMBINED", "FULL_TEXT", "POSTGRES_FULL_TEXT"],
      "description": "How the platform searches."
    },
    "limit": {
      "type": "integer", "default": 3, "minimum": 1, "maximum": 1000,
      "description": "How many results are asked for."
    },
    "excerpt_code_points": {
      "type": "integer", "default": 500, "minimum": 1, "maximum": 100000,
      "description": "How much of each result the model is shown, in Unicode code points."
    },
    "separator": {
      "type": "string", "default": "\n---\n",
      "description": "What stands between two excerpts."
    },
    "no_documents_text": {
      "type": "string", "default": "No relevant documents found.",
      "description": "The context when nothing was found."
    },
    "model": {
      "type": "string", "default": "AZURE_GPT_4o_2024_0513", "minLength": 1,
      "description": "The language model, by the platform's name."
    },
    "temperature": {
      "type": "number", "default": 0.3, "minimum": 0, "maximum": 2,
      "description": "How freely the model writes."
    },
    "system_prompt": {
      "type": "string",
      "default": "You are a helpful assistant. Use the following context )json"
    R"json(from the company knowledge base to answer the user's question.\n\nContext:\n{context}",
      "description": "What the model is told first; {context} is replaced by the excerpts."
    },
    "overridable": {
      "type": "array", "default": [], "uniqueItems": true,
      "items": {
        "enum": ["searching_text", "found_text", "generating_text", "generated_text", "search_type", "limit",
                 "excerpt_code_points", "separator", "no_documents_text", "model", "temperature",
                 "system_prompt"]
      },
      "description": "Settings that the space's configuration in the platform )json"
    R"json((payload.configuration of an event) may override for its chats."
    }
  }
})json";

}  // namespace rag
