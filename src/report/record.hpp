// The numbers of one step, under the names that metrics.jsonl and TensorBoard show.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::report {

// Names used by training: `loss`, its parts `loss_*` (`loss_mask`, `loss_dice`, `loss_class`), `lr`, `grad_norm`,
// `images_per_s`, `data_wait` (seconds of this step spent waiting for a batch). A name with a slash (`val_metric/miou`,
// `loss_mask/block3`, `data/wait_share`) is a detail: written to every file, left out of the console line
// (but for `data/retries` and `data/crc_failures` that are not 0).
struct Record {
  std::int64_t step = 0;                                 // finished steps, so the first one is 1
  double epoch = 0;                                      // samples seen / samples in the split
  std::vector<std::pair<std::string, double>> values{};  // in the order in which they are shown

  std::optional<double> find(std::string_view name) const;
};

// Where records go: one class per format. A failed write throws OutputError and leaves what was written before readable.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const Record& record) = 0;
};

}  // namespace muster::report
