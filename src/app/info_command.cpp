// `muster info`: what a packed dataset holds.
#include <fmt/format.h>

#include "app/command.hpp"
#include "data/dataset.hpp"

namespace muster::app {
namespace {

struct InfoOptions {
  std::string data;
};
template <class Visitor>
void visit(Visitor& v, InfoOptions& o) {
  v.field("data", o.data, any_value(), "folder of a packed dataset");
}
void validate(const InfoOptions& o) {
  if (o.data.empty()) {
    throw ConfigError("data is not set; give the folder of a packed dataset, data=runs/sample");
  }
}

ExitCode run_info(const InfoOptions& options, const io::Value&, const Arguments& arguments) {
  const data::Dataset dataset = data::Dataset::open(options.data);
  if (arguments.json) {
    fmt::print("{}\n", data::manifest_json(dataset.manifest()));
    return ExitCode::kDone;
  }
  const data::ClassList& classes = dataset.classes();
  fmt::print("{}: {}, {} classes, fingerprint {}\n", options.data, dataset.manifest().task, classes.size(), dataset.fingerprint());
  for (const auto& [name, split] : dataset.manifest().splits) {
    fmt::print("\n{}: {} samples in {} shard(s), {:.1f} million pixels\n", name, split.num_samples, split.shards.size(),
               static_cast<double>(split.statistics.pixels) / 1e6);
    for (std::size_t i = 0; i < classes.size(); ++i) {
      fmt::print("  {:>5} {:<24} {:>6.2f} % of the pixels, in {} images\n", classes.ids[i], classes.names[i],
                 100.0 * static_cast<double>(split.statistics.class_pixels[i]) / static_cast<double>(std::max<std::uint64_t>(1, split.statistics.pixels)),
                 split.statistics.class_images[i]);
    }
  }
  return ExitCode::kDone;
}

}  // namespace

Command info_command() {
  return make_command<InfoOptions>("info", "show what a packed dataset holds", "  muster info data=DIR\n\nExample: launch/muster info data=runs/sample\n", run_info);
}

}  // namespace muster::app
