#include "api/answers/rebuilds.hpp"

namespace jangbu {

namespace {

Json to_json(const Digest& digest) {
  return {{"rows", digest.rows}, {"hash", digest.hash}};
}

Json row(const std::string& json) {
  return json.empty() ? Json() : Json::raw(json);
}

}  // namespace

Json to_json(const Comparison& comparison) {
  Json differences = Json::array();
  for (const RowDifference& difference : comparison.differences)
    differences.push_back(Json{{"event", to_string(difference.event)},
                               {"before", row(difference.first)},
                               {"after", row(difference.second)}});
  return {{"position", comparison.position.value},
          {"equal", comparison.equal()},
          {"before", to_json(comparison.first)},
          {"after", to_json(comparison.second)},
          {"added", comparison.added},
          {"removed", comparison.removed},
          {"changed", comparison.changed},
          {"differences", differences}};
}

Json to_json(const Rebuilt& rebuilt) {
  return {{"generation", rebuilt.generation},
          {"generationBefore", rebuilt.before},
          {"position", rebuilt.position.value},
          {"comparison", to_json(rebuilt.comparison)}};
}

}  // namespace jangbu
