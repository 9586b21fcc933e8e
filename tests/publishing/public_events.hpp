// Public events to be looked at: those of the golden samples, which use every field.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/publishing/public_event.hpp"
#include "tests/golden/samples.hpp"

namespace jangbu::test {

// A shop that tells everything that can be told.
inline const PublicView telling{.shop = "shop", .recipients = true};

struct PublicSample {
  std::string type;
  PublicEvent event;
};

// Of the file that shows it: PurchaseCompleted.v1.json.
inline std::string file_name(const PublicSample& sample) {
  const auto event = nlohmann::json::parse(sample.event.cloud_event);
  const auto address = event.at("dataschema").get<std::string>();
  return sample.type + ".v" + address.substr(address.rfind('/') + 1) + ".json";
}

inline std::vector<PublicSample> public_samples(const PublicView& view) {
  std::vector<PublicSample> samples;
  for (const GoldenSample& sample : golden_samples()) {
    const RecordedEvent& recorded = sample.commit.events.front();
    if (!sample.current) continue;
    if (auto event = to_public(view, {{42}, 0}, recorded))
      samples.push_back({std::string(wire_type(recorded.event).name), std::move(*event)});
  }
  return samples;
}

}  // namespace jangbu::test
