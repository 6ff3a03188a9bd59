#include "pack/panoptic_source.hpp"

#include <set>

#include "core/error.hpp"
#include "data/mask_codec.hpp"
#include "data/segment_measure.hpp"
#include "pack/class_file.hpp"
#include "pack/coco_panoptic.hpp"
#include "pack/pairing.hpp"
#include "pack/panoptic_listing.hpp"
#include "pack/panoptic_remarks.hpp"
#include "pack/segment_mask.hpp"
#include "pack/source_bytes.hpp"

namespace muster::pack {
namespace {

constexpr std::string_view kSegmentMaskExtensions[] = {"png"};

data::ClassList classes_of(const CocoPanoptic& coco, const std::string& where) {
  std::vector<std::pair<std::int32_t, std::string>> pairs;
  for (const CocoCategory& category : coco.categories) {
    pairs.emplace_back(category.id, category.name);
  }
  data::ClassList classes;
  try {
    classes = data::make_class_list(std::move(pairs));
  } catch (const ConfigError& error) {  // an id twice, or too large: here a file is at fault, not a recipe
    throw DataError("{}: categories: {}", where, error.what());
  }
  if (classes.size() == 0) {
    throw DataError("{}: no categories; at least one is wanted", where);
  }
  for (const CocoCategory& category : coco.categories) {
    const std::uint16_t dense = classes.dense_index(category.id).value();
    classes.isthing[dense] = category.isthing ? 1 : 0;
    classes.colors[dense] = category.color.value_or(classes.colors[dense]);
  }
  return classes;
}

class PanopticSource final : public SplitSource {
 public:
  PanopticSource(const PackOptions& options, SplitSources sources)
      : options_(options),
        sources_(std::move(sources)),
        coco_(read_coco_panoptic(sources_.annotations)),
        classes_(classes_of(coco_, sources_.annotations)) {}

  Listing list(const ScanFolder& scan) override {
    const io::Scan images = scan(sources_.images, image_extensions(options_), masks_below(sources_.images, sources_.masks));
    const io::Scan masks = scan(sources_.masks, kSegmentMaskExtensions);
    Listing found = list_panoptic(coco_, classes_, images, masks, sources_);
    without_annotation_ = found.images_without_target;
    for (const SourceSample& sample : found.samples) {
      annotation_of_key_.emplace(sample.image.key, sample.annotation);
    }
    return found;
  }

  const data::ClassList& classes() const override { return classes_; }

  std::string definition() const override {
    std::string definition;
    add_field(definition, "coco panoptic");
    for (std::size_t dense = 0; dense < classes_.size(); ++dense) {
      add_field(definition, classes_.ids[dense]);
      add_field(definition, classes_.names[dense]);
      add_field(definition, classes_.isthing[dense]);
    }
    return definition;
  }

  bool has_masks() const override { return true; }

  EncodedTarget encode(const SourceSample& sample, int height, int width) const override {
    const SegmentMask mask = decode(sample, height, width);
    EncodedTarget target;
    target.segments = mask.segments;
    target.histogram = data::class_histogram(mask.segments);
    target.dtype = mask.segments.size() <= data::kMostSegments8 ? 1 : 2;
    target.mask = data::encode_segment_mask(mask.map, target.dtype);
    target.codec = image::Codec::kZlibRaw;
    return target;
  }

  std::vector<data::ClassPixels> inspect(const SourceSample& sample, int height, int width) const override {
    return data::class_histogram(decode(sample, height, width).segments);
  }

  std::vector<std::string> remarks(const data::IndexColumns& packed) const override {
    std::vector<std::string> sentences = panoptic_remarks(packed, coco_, annotation_of_key_, sources_.annotations);
    if (without_annotation_ > 0) {
      sentences.push_back(fmt::format("{} images in {} have no annotation in {} and were left out", without_annotation_, sources_.images,
                                      sources_.annotations));
    }
    return sentences;
  }

 private:
  SegmentMask decode(const SourceSample& sample, int height, int width) const {
    std::vector<data::Segment> stated;
    for (const CocoSegment& segment : coco_.segments_of(coco_.annotations.at(sample.annotation))) {
      stated.push_back(
          {.original_id = segment.id, .class_index = classes_.dense_index(segment.category_id).value(), .iscrowd = segment.iscrowd});
    }
    const std::string where = sample.mask->path.string();
    SegmentMask mask = decode_segment_png(read_source(*sample.mask), std::move(stated), where, sources_.annotations);
    if (mask.map.height != height || mask.map.width != width) {
      throw DataError("{}: {} x {} now, {} x {} when packing began; let nothing write there and pack again", where, mask.map.width,
                      mask.map.height, width, height);
    }
    return mask;
  }

  const PackOptions options_;
  const SplitSources sources_;
  const CocoPanoptic coco_;
  const data::ClassList classes_;
  std::unordered_map<std::string, std::uint32_t> annotation_of_key_;  // of the samples that list() gave
  std::size_t without_annotation_ = 0;
};

// The annotations alone say what classes there are.
void refuse_other_classes(const PackOptions& options) {
  if (has_declared_classes(options)) {
    throw ConfigError("{}: the classes of task=panoptic_segmentation are the categories of its annotations; take {} out",
                      options.classes.empty() ? "data.classes" : "classes=" + options.classes,
                      options.classes.empty() ? "data.classes" : "classes");
  }
}

// Segments have a category or none: there is no pixel value that could be packed as void.
void check_ignored(const PackOptions& options, const data::ClassList& classes, const std::string& where,
                   std::vector<std::string>& notices) {
  const std::set<std::int32_t> ignored(options.data.ignore_classes.begin(), options.data.ignore_classes.end());
  for (const std::int32_t id : ignored) {
    if (!classes.dense_index(id)) {
      throw ConfigError("ignore_classes names {}, which is no category of {}; name ids of its categories", id, where);
    }
  }
  tell_packed_though_ignored(classes, {ignored.begin(), ignored.end()}, notices);
}

}  // namespace

std::unique_ptr<SplitSource> make_panoptic_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                                  std::vector<std::string>& notices) {
  for (const auto& [name, value] :
       {std::pair("images", &sources.images), std::pair("masks", &sources.masks), std::pair("annotations", &sources.annotations)}) {
    if (value->empty()) {
      throw ConfigError("split {}: {} is not given; panoptic_segmentation wants images=FOLDER masks=FOLDER annotations=FILE.json", split,
                        name);
    }
  }
  refuse_other_classes(options);
  auto source = std::make_unique<PanopticSource>(options, sources);
  check_ignored(options, source->classes(), sources.annotations, notices);
  return source;
}

}  // namespace muster::pack
