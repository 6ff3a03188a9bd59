#include "pack/panoptic_listing.hpp"

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "pack/panoptic_files.hpp"

namespace muster::pack {
namespace {

class PanopticPairing {
 public:
  PanopticPairing(const CocoPanoptic& coco, const data::ClassList& classes, const io::Scan& images, const io::Scan& masks,
                  const SplitSources& sources)
      : coco_(coco), classes_(classes), sources_(sources), files_(images.files), images_(images.files), masks_(masks.files) {
    for (const CocoImage& image : coco.images) {
      if (!name_of_id_.emplace(image.id, &image.file_name).second) {
        throw DataError("{}: two images with the id {}; give each its own", sources.annotations, image.id);
      }
    }
    listing_.images = images.files.size();
    listing_.other_files = images.other_files;
  }

  Listing run() && {
    struct Named {
      const io::SourceFile* image = nullptr;
      std::vector<std::uint32_t> rows;  // annotations for it
    };
    std::map<std::string_view, Named> by_key;
    for (std::uint32_t row = 0; row < coco_.annotations.size(); ++row) {
      const std::vector<const io::SourceFile*> found = images_.find(image_name(coco_.annotations[row]));
      for (const io::SourceFile* image : found) {
        Named& named = by_key[image->key];
        named.image = image;
        named.rows.push_back(row);
      }
      if (found.empty() && ++listing_.targets_without_image <= kMostNamed) {
        listing_.lonely_targets.push_back(image_name(coco_.annotations[row]));
      }
    }
    for (const auto& [key, named] : by_key) {
      add(*named.image, named.rows);
    }
    for (const io::SourceFile& image : files_) {
      if (!by_key.contains(image.key) && ++listing_.images_without_target <= kMostNamed) {
        listing_.lonely_images.push_back(image.key);
      }
    }
    return std::move(listing_);
  }

 private:
  // Path below `images` of what an annotation is for.
  const std::string& image_name(const CocoAnnotation& annotation) const {
    const auto found = name_of_id_.find(annotation.image_id);
    return found == name_of_id_.end() ? annotation.file_name : *found->second;
  }

  void add(const io::SourceFile& image, const std::vector<std::uint32_t>& rows) {
    const auto problem = [&](const std::string& text, bool can_skip, ProblemKind kind) {
      listing_.problems.push_back(
          {.image = image, .text = fmt::format("{}: {}", image.path.string(), text), .can_skip = can_skip, .kind = kind});
    };
    if (rows.size() > 1) {
      return problem(fmt::format("annotations {} and {} of {} are for this image; keep one", rows[0], rows[1], sources_.annotations), false,
                     ProblemKind::kAnnotation);
    }
    const CocoAnnotation& annotation = coco_.annotations[rows[0]];
    const std::string& name = image_name(annotation);
    if (const auto rivals = images_.find(name); rivals.size() > 1) {
      return problem(fmt::format("{} of {} may be this image or {}; remove one of them", name, sources_.annotations,
                                 (rivals[0] == &image ? rivals[1] : rivals[0])->key),
                     false, ProblemKind::kAnnotation);
    }
    const std::string& mask_name = annotation.file_name.empty() ? image.key : annotation.file_name;
    const std::vector<const io::SourceFile*> found = masks_.find(mask_name);
    if (found.empty()) {
      return problem(fmt::format("its mask {} is not in {}", mask_name, sources_.masks), true, ProblemKind::kNoTarget);
    }
    if (found.size() > 1) {
      return problem(
          fmt::format("its mask {} may be {} or {} in {}; remove one of them", mask_name, found[0]->key, found[1]->key, sources_.masks),
          false, ProblemKind::kAnnotation);
    }
    const std::span<const CocoSegment> segments = coco_.segments_of(annotation);
    if (const std::string wrong = wrong_segments(segments); !wrong.empty()) {
      return problem(fmt::format("annotation {} of {}: {}", rows[0], sources_.annotations, wrong), true, ProblemKind::kAnnotation);
    }
    SourceSample sample;
    sample.image = image;
    sample.mask = *found[0];
    sample.annotation = rows[0];
    sample.annotation_digest = digest_of(segments);
    listing_.samples.push_back(std::move(sample));
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

  const CocoPanoptic& coco_;
  const data::ClassList& classes_;
  const SplitSources& sources_;
  std::span<const io::SourceFile> files_;  // all images
  NamedFiles images_;
  NamedFiles masks_;
  std::unordered_map<std::string_view, const std::string*> name_of_id_;  // file name of each image's id
  Listing listing_;
};

}  // namespace

Listing list_panoptic(const CocoPanoptic& coco, const data::ClassList& classes, const io::Scan& images, const io::Scan& masks,
                      const SplitSources& sources) {
  Listing found = PanopticPairing(coco, classes, images, masks, sources).run();
  if (!images.files.empty() && found.images_without_target == images.files.size()) {
    throw DataError("{} names none of the {} images in {} (the first is {}); wanted are annotations for these images", sources.annotations,
                    images.files.size(), sources.images, images.files.front().key);
  }
  return found;
}

}  // namespace muster::pack
