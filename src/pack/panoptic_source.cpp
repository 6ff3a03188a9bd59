#include "pack/panoptic_source.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/mask_codec.hpp"
#include "data/segment_measure.hpp"
#include "pack/coco_panoptic.hpp"
#include "pack/panoptic_files.hpp"
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
        classes_(classes_of(coco_, sources_.annotations)) {
    for (std::size_t row = 0; row < coco_.images.size(); ++row) {
      if (!image_row_.emplace(coco_.images[row].id, row).second) {
        throw DataError("{}: two images with the id {}; give each its own", sources_.annotations, coco_.images[row].id);
      }
    }
  }

  Listing list(const ScanFolder& scan) override {
    const io::Scan images = scan(sources_.images, image_extensions(options_));
    const io::Scan masks = scan(sources_.masks, kSegmentMaskExtensions);
    const NamedFiles image_files(images.files);
    const NamedFiles mask_files(masks.files);
    Listing listing;
    listing.images = images.files.size();
    listing.other_files = images.other_files;
    std::map<std::string_view, std::vector<std::uint32_t>> rows_by_key;  // annotations of each image
    std::map<std::string_view, const io::SourceFile*> file_of;
    for (std::uint32_t row = 0; row < coco_.annotations.size(); ++row) {
      const std::vector<const io::SourceFile*> found = image_files.find(image_name(coco_.annotations[row]));
      for (const io::SourceFile* image : found) {
        rows_by_key[image->key].push_back(row);
        file_of[image->key] = image;
      }
      listing.targets_without_image += found.empty() ? 1 : 0;
    }
    for (const auto& [key, rows] : rows_by_key) {
      add_sample(*file_of[key], rows, image_files, mask_files, listing);
    }
    without_annotation_ = images.files.size() - rows_by_key.size();
    if (rows_by_key.empty() && !images.files.empty()) {
      throw DataError("{} names none of the {} images in {} (the first is {}); wanted are annotations for these images",
                      sources_.annotations, images.files.size(), sources_.images, images.files.front().key);
    }
    return listing;
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
  // Path below `images` of what an annotation is for.
  const std::string& image_name(const CocoAnnotation& annotation) const {
    const auto found = image_row_.find(annotation.image_id);
    return found == image_row_.end() ? annotation.file_name : coco_.images[found->second].file_name;
  }

  void add_sample(const io::SourceFile& image, const std::vector<std::uint32_t>& rows, const NamedFiles& images, const NamedFiles& masks,
                  Listing& listing) {
    const auto problem = [&](std::string text, bool can_skip, ProblemKind kind) {
      listing.problems.push_back(
          {.image = image, .text = fmt::format("{}: {}", image.path.string(), text), .can_skip = can_skip, .kind = kind});
    };
    if (rows.size() > 1) {
      return problem(fmt::format("annotations {} and {} of {} are for this image; keep one", rows[0], rows[1], sources_.annotations), false,
                     ProblemKind::kAnnotation);
    }
    const CocoAnnotation& annotation = coco_.annotations[rows[0]];
    const std::string& name = image_name(annotation);
    if (const auto rivals = images.find(name); rivals.size() > 1) {
      return problem(fmt::format("{} of {} may be this image or {}; remove one of them", name, sources_.annotations,
                                 (rivals[0] == &image ? rivals[1] : rivals[0])->key),
                     false, ProblemKind::kAnnotation);
    }
    const std::string& mask_name = annotation.file_name.empty() ? image.key : annotation.file_name;
    const std::vector<const io::SourceFile*> found = masks.find(mask_name);
    if (found.empty()) {
      return problem(fmt::format("its mask {} is not in {}", mask_name, sources_.masks), true, ProblemKind::kNoTarget);
    }
    if (found.size() > 1) {
      return problem(
          fmt::format("its mask {} may be {} or {} in {}; remove one of them", mask_name, found[0]->key, found[1]->key, sources_.masks),
          false, ProblemKind::kAnnotation);
    }
    if (std::string wrong = wrong_segments(coco_.segments_of(annotation)); !wrong.empty()) {
      return problem(fmt::format("annotation {} of {}: {}", rows[0], sources_.annotations, wrong), true, ProblemKind::kAnnotation);
    }
    annotation_of_key_.emplace(image.key, rows[0]);
    SourceSample sample;
    sample.image = image;
    sample.mask = *found[0];
    sample.annotation = rows[0];
    sample.annotation_digest = digest_of(coco_.segments_of(annotation));
    listing.samples.push_back(std::move(sample));
  }

  // Why the segments of an annotation cannot be used; "" when they can.
  std::string wrong_segments(std::span<const CocoSegment> segments) const {
    if (segments.size() > data::kMostSegments) {
      return fmt::format("{} segments, at most {} can be stored", segments.size(), data::kMostSegments);
    }
    std::unordered_set<std::uint32_t> ids;
    for (const CocoSegment& segment : segments) {
      if (!ids.insert(segment.id).second) {
        return fmt::format("segment id {} is given twice", segment.id);
      }
      if (!classes_.dense_index(segment.category_id)) {
        return fmt::format("segment {} has the category {}, which categories does not have", segment.id, segment.category_id);
      }
    }
    return {};
  }

  static std::string digest_of(std::span<const CocoSegment> segments) {
    std::vector<std::uint32_t> words;
    for (const CocoSegment& segment : segments) {
      words.insert(words.end(), {segment.id, static_cast<std::uint32_t>(segment.category_id), segment.iscrowd});
    }
    return fmt::format("{:08x}", crc32_of(std::as_bytes(std::span(words))));
  }

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
  std::unordered_map<std::string_view, std::size_t> image_row_;       // by the image's id
  std::unordered_map<std::string, std::uint32_t> annotation_of_key_;  // of the samples that list() gave
  std::size_t without_annotation_ = 0;
};

}  // namespace

std::unique_ptr<SplitSource> make_panoptic_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                                  std::vector<std::string>& /*notices*/) {
  for (const auto& [name, value] :
       {std::pair("images", &sources.images), std::pair("masks", &sources.masks), std::pair("annotations", &sources.annotations)}) {
    if (value->empty()) {
      throw ConfigError("split {}: {} is not given; panoptic_segmentation wants images=FOLDER masks=FOLDER annotations=FILE.json", split,
                        name);
    }
  }
  return std::make_unique<PanopticSource>(options, sources);
}

}  // namespace muster::pack
