// What a file's shapes say about its model.
#include "weights/form_table.hpp"

#include <fmt/ranges.h>

#include "core/error.hpp"

namespace muster::weights {
namespace {

class Shapes {
 public:
  explicit Shapes(const NamedFile& file) : file_(file) {}

  bool has(const std::string& name) const { return file_.has(name); }
  // Of a tensor that every model of the form has.
  std::vector<std::int64_t> of(const std::string& name, std::size_t dims) const {
    const auto shape = file_.shape_of(name);
    if (!shape) {
      throw DataError("{} has no tensor for {}, so its model cannot be told; it is cut short or of another program", path(), name);
    }
    if (shape->size() < dims) {
      throw DataError("{}: the tensor for {} has the shape [{}], {} dimensions are wanted", path(), name, fmt::join(*shape, ", "), dims);
    }
    return *shape;
  }
  int extent(const std::string& name, std::size_t dims, std::size_t dim) const { return static_cast<int>(of(name, dims)[dim]); }
  int count(const std::string& start, const std::string& end) const {
    int n = 0;
    while (has(start + std::to_string(n) + end)) {
      ++n;
    }
    return n;
  }
  std::string path() const { return file_.source().path().string(); }

 private:
  const NamedFile& file_;
};

// timm packs the giant's two branches into its fc1, which then has twice the rows that fc2 takes.
void set_feed_forward(FileShape& shape, const Shapes& shapes) {
  const std::string mlp = "backbone.blocks.0.mlp.";
  using model::FeedForward;
  if (shape.family == model::Family::kDinov3 && shapes.has(mlp + "w1.weight")) {
    shape.feed_forward = FeedForward::kSwiglu;
    shape.hidden = shapes.extent(mlp + "w1.weight", 2, 0);
    return;
  }
  const bool packed_name = shape.family == model::Family::kDinov2 && shapes.has(mlp + "w12.weight");
  if (packed_name && shapes.extent(mlp + "w12.weight", 2, 0) == 2 * shapes.extent(mlp + "w3.weight", 2, 1)) {
    shape.feed_forward = FeedForward::kPackedSwiglu;
    shape.hidden = shapes.extent(mlp + "w3.weight", 2, 1);
    return;
  }
  shape.feed_forward = FeedForward::kMlp;
  shape.hidden = shapes.extent(mlp + "fc1.weight", 2, 0);
}

void set_patch(FileShape& shape, const Shapes& shapes) {
  const std::vector<std::int64_t> kernel = shapes.of("backbone.patch_embed.proj.weight", 4);
  if (kernel[2] != kernel[3]) {
    throw DataError("{}: a patch kernel of {} x {}; patches of all models are square", shapes.path(), kernel[2], kernel[3]);
  }
  shape.channels = static_cast<int>(kernel[1]);
  shape.patch = static_cast<int>(kernel[2]);
}

// Only our own files say so; of the others it is known.
bool has_class_position(const TensorSource& source, Form form) {
  if (const auto text = source.metadata().find("muster"); text != source.metadata().end()) {
    return parse_weights_info(text->second, source.path().string()).variant.class_position;
  }
  return form != Form::kUpstreamEomt && form != Form::kHfEomt;
}

}  // namespace

FileShape shape_of(const NamedFile& file, Form form, model::Family family) {
  const Shapes shapes(file);
  FileShape shape{.family = family};
  shape.dim = static_cast<int>(shapes.of("backbone.cls_token", 1).back());
  shape.depth = shapes.count("backbone.blocks.", ".norm1.weight");
  if (shape.depth == 0) {
    throw DataError("{} has no blocks, so its model cannot be told; it is cut short or of another program", shapes.path());
  }
  set_feed_forward(shape, shapes);
  set_patch(shape, shapes);
  shape.qkv_bias = shapes.has("backbone.blocks.0.attn.qkv.bias");
  const std::string storage = family == model::Family::kDinov2 ? "backbone.register_tokens" : "backbone.storage_tokens";
  if (shapes.has(storage)) {
    const std::vector<std::int64_t> tokens = shapes.of(storage, 2);
    shape.storage_tokens = static_cast<int>(tokens[tokens.size() - 2]);
  }
  if (family == model::Family::kDinov2) {
    const std::vector<std::int64_t> table = shapes.of("backbone.pos_embed", 2);
    shape.positions = table[table.size() - 2];
    shape.class_position = has_class_position(file.source(), form);
  }
  shape.eomt = shapes.has("queries.weight");
  if (shape.eomt) {
    shape.num_queries = shapes.extent("queries.weight", 2, 0);
    shape.num_classes = shapes.extent("class_head.weight", 2, 0) - 1;
    shape.num_upscale_blocks = shapes.count("upscale.", ".conv1.weight");
  }
  return shape;
}

std::string describe(const FileShape& shape) {
  const bool v2 = shape.family == model::Family::kDinov2;
  const char* kind = shape.feed_forward == model::FeedForward::kMlp ? "MLP" : "SwiGLU";
  std::string text =
      fmt::format("{} DINOv{} backbone of width {}, {} blocks, {} of {}, {} {} tokens, patch {}, {} channels{}",
                  shape.eomt ? "EoMT on a" : "a", v2 ? 2 : 3, shape.dim, shape.depth, kind, shape.hidden, shape.storage_tokens,
                  v2 ? "register" : "storage", shape.patch, shape.channels, shape.qkv_bias ? "" : ", no qkv bias");
  if (shape.eomt) {
    text += fmt::format(", {} queries, {} classes", shape.num_queries, shape.num_classes);
  }
  return text;
}

}  // namespace muster::weights
