#include "pack/semantic_source.hpp"

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "pack/class_file.hpp"
#include "pack/dense_mask.hpp"
#include "pack/label_notes.hpp"
#include "pack/pairing.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

class SemanticSource final : public SplitSource {
 public:
  SemanticSource(const PackOptions& options, SplitSources sources, DeclaredClasses declared)
      : options_(options), sources_(std::move(sources)), declared_(std::move(declared)), table_(declared_) {}

  Listing list(const ScanFolder& scan) override {
    const bool by_pattern = MaskPattern::is_pattern(sources_.masks);
    const io::Scan images =
        scan(sources_.images, image_extensions(options_), by_pattern ? "" : masks_below(sources_.images, sources_.masks));
    Listing listing;
    if (by_pattern) {
      listing = pair_by_pattern(images.files, sources_.images, MaskPattern(sources_.masks),
                                [&](std::span<io::SourceFile> masks) { scan.look_up(masks); });
    } else {
      listing = pair_files(images.files, scan(sources_.masks, kLabelExtensions).files, options_.on_collision == "keep_extension");
    }
    listing.other_files = images.other_files;
    return listing;
  }

  const data::ClassList& classes() const override { return declared_.classes; }
  std::string definition() const override { return definition_of(declared_); }
  bool has_masks() const override { return true; }
  std::string orientation(const std::string& wanted) const override { return orientation_of_masks(sources_.masks, wanted); }

  EncodedTarget encode(const SourceSample& sample, int height, int width) const override {
    DenseMask mask = decode(sample, height, width);
    EncodedTarget target;
    target.dtype = static_cast<std::uint8_t>(declared_.classes.stored_dtype());
    target.mask = data::encode_mask(mask.labels, target.dtype);
    target.codec = image::Codec::kZlibRaw;
    target.histogram = std::move(mask.histogram);
    return target;
  }

  std::vector<data::ClassPixels> inspect(const SourceSample& sample, int height, int width) const override {
    return decode(sample, height, width).histogram;
  }

 private:
  DenseMask decode(const SourceSample& sample, int height, int width) const {
    const std::string where = sample.mask->path.string();
    DenseMask mask = decode_dense_mask(read_source(*sample.mask), table_, declared_, where);
    if (mask.labels.height != height || mask.labels.width != width) {
      throw DataError("{}: {} x {} now, {} x {} when packing began; let nothing write there and pack again", where, mask.labels.width,
                      mask.labels.height, width, height);
    }
    return mask;
  }

  const PackOptions options_;
  const SplitSources sources_;
  const DeclaredClasses declared_;
  const PixelTable table_;
};

}  // namespace

std::unique_ptr<SplitSource> make_semantic_source(const PackOptions& options, const std::string&, const SplitSources& sources,
                                                  std::vector<std::string>& notices) {
  return std::make_unique<SemanticSource>(options, sources, declared_classes(options, notices));
}

}  // namespace muster::pack
