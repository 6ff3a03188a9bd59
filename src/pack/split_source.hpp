// What a split is packed from: which files are samples, and what each one's target is. One implementation per task.
//
// pack() lists the samples, looks at the headers of images and masks, plans the shards, and then asks for one target after the
// other. Every rank makes its own SplitSource from the same options and calls list() with the others.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.hpp"
#include "data/class_list.hpp"
#include "data/index_columns.hpp"
#include "data/segment.hpp"
#include "data/shard_writer.hpp"
#include "image/codec.hpp"
#include "io/source_scan.hpp"
#include "pack/pack_options.hpp"

namespace muster::pack {

struct SourceSample {
  io::SourceFile image;
  std::optional<io::SourceFile> mask;
  std::vector<std::int32_t> labels;  // classification: dense indices, ascending; empty = unlabelled
  std::uint32_t annotation = 0;      // panoptic: row of the annotations
  std::string annotation_digest{};   // panoptic: of what that row says; enters plan_hash with key and sizes
};

// What the pre-flight report counts a problem under.
enum class ProblemKind { kNoTarget, kName, kSize, kOrientation, kUnreadable, kUndeclared, kAnnotation, kUnknownClass };

struct SourceProblem {
  io::SourceFile image;
  std::string text;      // one sentence that names the file
  bool can_skip = true;  // on_error=skip leaves the sample out; false where the user has to decide
  ProblemKind kind = ProblemKind::kNoTarget;
};

struct Listing {
  std::vector<SourceSample> samples;  // ascending by the image's key, each key once
  std::vector<SourceProblem> problems;
  std::size_t images = 0;  // found, whatever became of them
  std::size_t other_files = 0;
  std::size_t targets_without_image = 0;
  std::size_t images_without_target = 0;    // that are no problem and are left out: nothing says that they belong to the set
  std::vector<std::string> lonely_targets;  // names of the first kMostNamed
  std::vector<std::string> lonely_images;   // keys of the first kMostNamed
};
inline constexpr std::size_t kMostNamed = 1000;

// What a shard stores of a sample beside its image.
struct EncodedTarget {
  std::vector<std::byte> mask;  // empty = none
  image::Codec codec = image::Codec::kNone;
  std::uint8_t dtype = 1;                    // 1 = u8, 2 = u16
  std::vector<data::ClassPixels> histogram;  // ascending class_index, pixels > 0
  std::int32_t label = -1;
  std::vector<std::int32_t> labels;
  std::vector<data::Segment> segments;
};

// A pixel value, as the user writes it ("7", "(128, 64, 0)"), that no class and no ignored id declares.
struct UndeclaredValue {
  std::string value;
  std::uint64_t pixels = 0;
};

// A target holds undeclared values: packing stops, whatever on_error says; the pre-flight report counts them.
class UndeclaredValueError : public Error {
 public:
  explicit UndeclaredValueError(const std::string& text, std::vector<UndeclaredValue> values = {})
      : Error(ExitCode::kData, text), values_(std::move(values)) {}
  const std::vector<UndeclaredValue>& values() const noexcept { return values_; }

 private:
  std::vector<UndeclaredValue> values_;
};

// Sizes and times of files that are known by name; those that are not there keep io::kNotLookedUp.
using LookUp = std::function<void(std::span<io::SourceFile> files)>;

// How a source looks at the file system, the work shared by all ranks: every rank calls these alike, in the same order, and gets the same.
class ScanFolder {
 public:
  using Search = std::function<io::Scan(const std::filesystem::path& folder, std::span<const std::string_view> extensions,
                                        const std::filesystem::path& except)>;

  // This process alone looks files up.
  template <class Function>
  requires std::constructible_from<Search, Function> ScanFolder(Function search)
      : ScanFolder(Search(std::move(search)), [](std::span<io::SourceFile> files) { io::look_up(files); }) {}
  ScanFolder(Search search, LookUp look_up) : search_(std::move(search)), look_up_(std::move(look_up)) {}

  // All files below a folder with one of these extensions, without those below `except`. Throws as io::scan_folder() does, on all ranks.
  io::Scan operator()(const std::filesystem::path& folder, std::span<const std::string_view> extensions,
                      const std::filesystem::path& except = {}) const {
    return search_(folder, extensions, except);
  }
  // Throws as io::look_up() does, on all ranks.
  void look_up(std::span<io::SourceFile> files) const { look_up_(files); }

 private:
  Search search_;
  LookUp look_up_;
};

class SplitSource {
 public:
  SplitSource() = default;
  SplitSource(const SplitSource&) = delete;
  SplitSource& operator=(const SplitSource&) = delete;
  virtual ~SplitSource() = default;

  // All samples and what is wrong with the others. Called once, by all ranks alike. ConfigError for what the user must change first.
  virtual Listing list(const ScanFolder& scan) = 0;

  virtual const data::ClassList& classes() const = 0;  // empty without labels
  // What enters plan_hash besides the samples: ids, names, mapping, void values; made by add_field(), so that no two definitions
  // run into one text.
  virtual std::string definition() const = 0;
  virtual bool has_masks() const = 0;                 // their headers are probed, and they decide the EXIF orientation
  virtual bool multi_label() const { return false; }  // several labels per image; known after list()
  // auto, apply or ignore: what holds for these masks when the user has set `wanted`.
  virtual std::string orientation(const std::string& wanted) const { return wanted; }

  // The target of a sample whose upright image has this size. Any thread, after list().
  // DataError naming the file for what is damaged or of another size; UndeclaredValueError.
  virtual EncodedTarget encode(const SourceSample& sample, int height, int width) const = 0;
  // Its class histogram alone, for the pre-flight report: as encode() without compressing anything. Any thread; the same errors.
  virtual std::vector<data::ClassPixels> inspect(const SourceSample& sample, int height, int width) const {
    return encode(sample, height, width).histogram;
  }

  // Sentences on what the packed split shows beside its sources, such as segments whose stated area is not theirs. `packed` is the joined
  // index. Called on rank 0 after list().
  virtual std::vector<std::string> remarks(const data::IndexColumns& /*packed*/) const { return {}; }
};

// One field of a definition: its text and a zero byte, which no name holds.
template <class T>
void add_field(std::string& definition, const T& field) {
  definition += fmt::format("{}", field);
  definition += '\0';
}

// The source of options.task for one split. What the user should know is added to `notices`. ConfigError, DataError.
std::unique_ptr<SplitSource> make_split_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                               std::vector<std::string>& notices);

}  // namespace muster::pack
