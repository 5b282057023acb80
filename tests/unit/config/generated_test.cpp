// What is made from the table agrees with the table, with the reader and with what lies in the
// tree.
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "host/config/free_object.h"
#include "host/config/keys.h"
#include "host/config/text.h"
#include "host/config/yaml_tree.h"
#include "tests/unit/config/config_file.h"

namespace modhost::host {
namespace {

const std::string kRoot = MODHOST_SOURCE_DIR;

// The variables the example needs.
struct ExampleEnvironment {
  Variable secret{"UNIQUE_ENDPOINT_SECRET", "s3cr3t-for-tests"};
  Variable base{"UNIQUE_API_BASE", "http://127.0.0.1:8096"};
  Variable key{"UNIQUE_API_KEY", "k3y-for-tests"};
  Variable app{"UNIQUE_APP_ID", "app-for-tests"};
};

// Whether the JSON Schema accepts a YAML text.
bool schemaAccepts(const std::string& yaml) {
  valijson::Schema schema;
  const auto schema_json = nlohmann::json::parse(settingsJsonSchema());
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json),
                                          schema);
  const auto document = nlohmann::json::parse(jsonText(parseYaml("f.yaml", yaml)));
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(document),
                                        nullptr);
}

// A value of the key that is not its default, as it stands in a file.
std::string otherValue(const KeyInfo& key) {
  switch (key.type) {
    case KeyType::kInteger:
    case KeyType::kSize:
    case KeyType::kDuration:
      return key.max;
    case KeyType::kEnum:
      return split(key.detail, '|').back() == key.fallback ? split(key.detail, '|').front()
                                                           : split(key.detail, '|').back();
    case KeyType::kBool:
      return std::string(key.fallback) == "true" ? "false" : "true";
    case KeyType::kAddress:
      return std::string(key.path) == "admin" ? "\"[::1]:1235\"" : "\"[::1]:1234\"";
    case KeyType::kPath:
      if (std::string(key.path) == "platform.ca_file") return MODHOST_SOURCE_DIR "/LICENSE";
      return "\"/other/$${path}$$$$\"";
    case KeyType::kUrl:
      return "https://other.example/base";
    case KeyType::kUrlPath:
      return "/other";
    case KeyType::kSecretList:
      return "[other-secret, {secret: second-secret, expires: 2099-12-31T00:00:00Z}]";
    case KeyType::kProxy:
      return "http://proxy.example:3128";
    case KeyType::kTime:
      return "2099-12-31T00:00:00Z";
    case KeyType::kDigest:
      return std::string(64, 'a');
    case KeyType::kId:
      return "other-id";
    case KeyType::kIdList:
      return "[other-id]";
    case KeyType::kEventPattern:
      return "other.*";
    case KeyType::kCallList:
      return "[\"GET /other/*\", \"POST /a/**\"]";
    case KeyType::kConditions:
      return "{\"a.b\": [1, \"1\", true, \"$${x}\"], c: 2.5}";
    case KeyType::kObject:
      return "{\"a b\": [1, {c: null}], d: \"$$\", e: \"2\", f: [], g: {}}";
    default:
      return "\"other: $$text # \\\"x\\\" ${MODHOST_TEST_UNSET:-y}\"";
  }
}

// Every key of the table with another value than its default.
template <typename Owner>
std::string everyKey(const std::vector<Key<Owner>>& keys) {
  std::string lines;
  std::string open;
  for (const Key<Owner>& key : keys) {
    if (key.info.type == KeyType::kEntries) continue;
    const std::string section = parentOf(key.info.path);
    const std::string name =
        std::string(key.info.path).substr(section.empty() ? 0 : section.size() + 1);
    const std::vector<std::string> steps =
        section.empty() ? std::vector<std::string>{} : split(section, '.');
    if (section != open) {
      const bool inside = !open.empty() && section.rfind(open + ".", 0) == 0;
      for (std::size_t i = inside ? 1 : 0; i < steps.size(); ++i)
        lines += std::string(2 * i, ' ') + steps[i] + ":\n";
    }
    lines += std::string(2 * steps.size(), ' ') + name + ": " + otherValue(key.info) + "\n";
    open = steps.empty() ? "" : (steps.size() > 1 ? steps[0] : section);
  }
  return lines;
}

std::string everyKey() {
  std::string module = indented(everyKey(moduleKeys()), 2);
  std::string route = indented(everyKey(routeKeys()), 2);
  module[0] = '-';
  route[0] = '-';
  return everyKey(settingsKeys()) + "modules:\n" + module + "routes:\n" + route;
}

// The JSON of what stands at a dotted path; empty when nothing does.
std::string jsonAt(const YamlNode& root, const std::string& path) {
  const YamlNode* node = &root;
  for (const std::string& step : split(path, '.'))
    node = node == nullptr ? nullptr : node->find(step);
  return node == nullptr ? "" : jsonText(*node);
}

void checkEveryKeyDiffers(const std::vector<KeyInfo>& keys, const YamlNode& defaults,
                          const YamlNode& changed) {
  for (const KeyInfo& key : keys) {
    CHECK_MESSAGE(!jsonAt(defaults, key.path).empty(), key.path);
    if (key.type == KeyType::kSecret || key.type == KeyType::kProxy) continue;  // masked alike
    CHECK_MESSAGE(jsonAt(defaults, key.path) != jsonAt(changed, key.path), key.path);
  }
}

TEST_SUITE_BEGIN("config");

TEST_CASE("generated: the reference in the tree is what the table says now") {
  INFO("regenerate: modhost check --reference > docs/configuration.md");
  CHECK(wholeText(kRoot + "/docs/configuration.md") == settingsReference());
}

TEST_CASE("generated: the JSON Schema in the tree is what the table says now") {
  INFO("regenerate: modhost check --json-schema > docs/modules.schema.json");
  CHECK(wholeText(kRoot + "/docs/modules.schema.json") == settingsJsonSchema());
}

TEST_CASE("generated: every key stands in the reference with a sentence and belongs to a section") {
  std::set<std::string> known;
  for (const Section& section : sections()) known.insert(section.path);
  for (const KeyInfo& key : infosOf(settingsKeys())) {
    const std::string path = key.path;
    const std::string section =
        path.find('.') == std::string::npos ? "" : path.substr(0, path.find('.'));
    CHECK_MESSAGE(known.count(section) == 1, path);
    CHECK_MESSAGE(std::string(key.sentence).back() == '.', path);
    CHECK_MESSAGE(
        settingsReference().find("| `" + path.substr(section.empty() ? 0 : section.size() + 1) +
                                 "` |") != std::string::npos,
        path);
  }
}

TEST_CASE("generated: every key can be set and shows in the effective configuration") {
  const std::string entries = "modules: [{id: a}]\nroutes: [{event: e, to: a}]\n";

  const YamlNode defaults = parseYaml("f.yaml", effectiveYaml(loaded(minimal(entries))));
  const YamlNode changed = parseYaml("f.yaml", effectiveYaml(loaded(everyKey())));

  checkEveryKeyDiffers(infosOf(settingsKeys()), defaults, changed);
  checkEveryKeyDiffers(infosOf(moduleKeys()), defaults.find("modules")->items[0],
                       changed.find("modules")->items[0]);
  checkEveryKeyDiffers(infosOf(routeKeys()), defaults.find("routes")->items[0],
                       changed.find("routes")->items[0]);
}

TEST_CASE("generated: the effective configuration is read again to the same settings") {
  ConfigFile file(everyKey());
  const Settings first = file.load();
  ConfigFile again(replaced(replaced(effectiveYaml(first), "proxy: \"***\"", "proxy: http://p:1"),
                            "\"***\"", "s3cr3t"));

  const Settings second = again.load();

  CHECK(effectiveYaml(second) == effectiveYaml(first));
  CHECK(second.dispatch.apology == "other: $text # \"x\" y");
  CHECK(second.inbox.sqlite_path == "/other/${path}$$");
  CHECK(second.modules[0].config_json == first.modules[0].config_json);
  CHECK(second.modules[0].config_json == R"({"a b":[1,{"c":null}],"d":"$","e":"2","f":[],"g":{}})");
  CHECK(second.routes[0].when_json == first.routes[0].when_json);
}

TEST_CASE(
    "generated: the effective configuration masks secrets and leaves variables of a config "
    "unresolved") {
  const Variable token("MODHOST_TEST_TOKEN", "topsecret");
  const auto settings = loaded(
      "webhook: {secrets: [topsecret-a, topsecret-b]}\nplatform: {api_key: topsecret-c, app_id: "
      "a}\n"
      "modules: [{id: m, config: {token: \"${MODHOST_TEST_TOKEN}\"}}]\n");

  const std::string effective = effectiveYaml(settings);

  CHECK(effective.find("topsecret") == std::string::npos);
  CHECK(effective.find("secrets: [\"***\", \"***\"]") != std::string::npos);
  CHECK(effective.find("api_key: \"***\"") != std::string::npos);
  CHECK(effective.find("\"token\": \"${MODHOST_TEST_TOKEN}\"") != std::string::npos);
}

TEST_CASE("generated: the schema accepts what the reader accepts and knows its refusals") {
  CHECK(schemaAccepts(wholeText(kRoot + "/modules.yaml")));
  CHECK(schemaAccepts(everyKey()));
  CHECK(schemaAccepts(minimal("gate: {threads: \"8\"}\n")));
  for (const char* bad : {"lisden: x\n", "gate: {threads: 513}\n", "gate: {threads: many}\n",
                          "inbox: {retention: 300}\n", "log: {level: loud}\n",
                          "modules: [{path: x}]\n", "inbox: {sqlite: {pth: x}}\n"}) {
    CHECK_FALSE_MESSAGE(schemaAccepts(minimal(bad)), bad);
  }
  CHECK_FALSE(schemaAccepts("listen: h:1\n"));
}

TEST_CASE("example: modules.yaml of the tree loads with the variables it names") {
  const ExampleEnvironment environment;

  const Settings settings = loadSettings(kRoot + "/modules.yaml");

  CHECK(settings.warnings.empty());
  CHECK(settings.modules.size() == 2);
  CHECK(settings.modules[0].id == "rag-responder");
  CHECK(settings.modules[0].answers);
  CHECK(settings.modules[0].path == kRoot + "/modules/rag-responder.so");
  CHECK(settings.modules[1].isolation == "in_process");
  CHECK(settings.inbox.sqlite_path == kRoot + "/var/inbox.db");
  CHECK(settings.platform.api_base == "http://127.0.0.1:8096");
}

TEST_CASE("example: what is commented out shows the defaults") {
  const ExampleEnvironment environment;
  ConfigFile file(wholeText(kRoot + "/modules.yaml"));
  std::string text;
  for (const std::string& line : split(wholeText(kRoot + "/modules.yaml"), '\n')) {
    const std::size_t mark = line.find("# ");
    const std::string rest = mark == std::string::npos ? "" : line.substr(mark + 2);
    const std::size_t colon = rest.find(": ");
    const bool key = colon != std::string::npos && rest.find_first_of(" .") > colon;
    const bool shown = key && rest.rfind("retry", 0) != 0 && rest.rfind("config", 0) != 0 &&
                       rest.rfind("yaml", 0) != 0;
    text += (shown ? line.substr(0, mark) + rest : line) + "\n";
  }
  ConfigFile uncommented(text);
  CHECK(text != wholeText(kRoot + "/modules.yaml") + "\n");

  CHECK(replaced(effectiveYaml(uncommented.load()), uncommented.path(""), "") ==
        replaced(effectiveYaml(file.load()), file.path(""), ""));
}

TEST_CASE("fuzz: a mutated example is refused or loaded and nothing else") {
  const ExampleEnvironment environment;
  const std::string example = wholeText(kRoot + "/modules.yaml") + everyKey();
  const std::vector<std::string> pieces = {
      "{", "}", "[", "]",  ":", "-", "\n", " ",    "\t", "&a ", "*a",   "${", "}",    "$$",
      "!", "|", ">", "\"", "'", "#", "0",  "\xff", "?",  ",",   "<<: ", "~",  "---\n"};
  const char* seed_text = std::getenv("MODHOST_TEST_SEED");
  const unsigned seed =
      seed_text != nullptr ? static_cast<unsigned>(std::stoul(seed_text)) : std::random_device{}();
  MESSAGE("seed (MODHOST_TEST_SEED): " << seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  ConfigFile file;

  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text = example.substr(0, below(2) == 0 ? example.size() : below(example.size()));
    for (std::size_t edits = below(4) + 1; edits > 0; --edits) {
      const std::size_t at = below(text.size() + 1);
      text.replace(at, below(3), pieces[below(pieces.size())]);
    }
    file.write("modules.yaml", text);
    const std::string said = file.refusal();
    if (said != "accepted") ++refused;
    CHECK(said.find('\n') == std::string::npos);
  }
  CHECK(refused > 0);
}

TEST_SUITE_END();

}  // namespace
}  // namespace modhost::host
