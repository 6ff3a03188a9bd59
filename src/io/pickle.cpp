#include "io/pickle.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "core/error.hpp"
#include "io/pickle_opcode.hpp"
#include "io/utf8.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kMaxValues = 4'000'000;
constexpr std::size_t kMaxArguments = 8;
constexpr std::size_t kMaxDimensions = 64;  // as PyTorch
constexpr std::size_t kMaxKey = 64;         // bytes

struct AllowedName {
  std::string_view module;
  std::string_view name;
  PickleName meaning;
};
constexpr AllowedName kAllowed[] = {{"collections", "OrderedDict", {PickleGlobal::kOrderedDict, ScalarType::kF32}},
                                    {"torch._utils", "_rebuild_tensor_v2", {PickleGlobal::kRebuildTensor, ScalarType::kF32}},
                                    {"torch._utils", "_rebuild_parameter", {PickleGlobal::kRebuildParameter, ScalarType::kF32}},
                                    {"torch", "FloatStorage", {PickleGlobal::kStorageType, ScalarType::kF32}},
                                    {"torch", "DoubleStorage", {PickleGlobal::kStorageType, ScalarType::kF64}},
                                    {"torch", "BFloat16Storage", {PickleGlobal::kStorageType, ScalarType::kBF16}},
                                    {"torch", "HalfStorage", {PickleGlobal::kStorageType, ScalarType::kF16}},
                                    {"torch", "LongStorage", {PickleGlobal::kStorageType, ScalarType::kI64}},
                                    {"torch", "IntStorage", {PickleGlobal::kStorageType, ScalarType::kI32}},
                                    {"torch", "ByteStorage", {PickleGlobal::kStorageType, ScalarType::kU8}},
                                    {"torch", "BoolStorage", {PickleGlobal::kStorageType, ScalarType::kBool}}};

class Machine {
 public:
  Machine(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  Pickle run() {
    if (text_.size() > kMaxPickleBytes) {
      throw DataError("{} has {} bytes, at most {} are read: this is more than the description of weights", where_, text_.size(),
                      kMaxPickleBytes);
    }
    if (text_.size() < 2 || byte_at(0) != Opcode::kProto || byte_at(1) < 2 || byte_at(1) > 5) {
      throw DataError("{} is no pickle of protocol 2 to 5; write the file again with torch.save", where_);
    }
    place_ = 2;
    for (;;) {
      opcode_place_ = place_;
      const std::uint8_t opcode = take_byte();
      if (opcode == Opcode::kStop) {
        break;
      }
      step(opcode);
    }
    if (stack_.size() != 1 || !marks_.empty()) {
      fail("it ends with {} values and {} marks, one value wanted", stack_.size(), marks_.size());
    }
    return {std::move(values_), stack_.front()};
  }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw DataError("{}, byte {}: {}; the file is damaged or was not written by torch.save: copy or download it again", where_,
                    opcode_place_, fmt::format(text, std::forward<Args>(args)...));
  }

  [[noreturn]] void refuse_opcode(std::uint8_t code) const {
    if (const std::string_view name = refused_opcode_name(code); !name.empty()) {
      throw DataError("{}, byte {}: the pickle opcode {} is not allowed in a weight file; {}", where_, opcode_place_, name, remedy());
    }
    fail("0x{:02x} is no pickle opcode", code);
  }

  [[noreturn]] void refuse_global(std::string_view module, std::string_view name) const {
    if (module == "torch" && (name == "CharStorage" || name == "ShortStorage")) {
      throw DataError("{}, byte {}: tensors of torch.{} are not read; save them as int32", where_, opcode_place_, name);
    }
    throw DataError("{}, byte {}: {}.{} is not allowed in a weight file; {}", where_, opcode_place_, module, name,
                    is_attack(module, name) ? "such a file runs commands when Python loads it: do not, and get the weights from elsewhere"
                                            : remedy(module));
  }

  // Names that no honest file asks for. The list refuses everything else too; these only get another advice.
  static bool is_attack(std::string_view module, std::string_view name) {
    constexpr std::string_view kModules[] = {"os", "posix", "nt", "subprocess", "sys", "shutil", "runpy", "socket", "pty", "importlib"};
    constexpr std::string_view kBuiltins[] = {"eval", "exec", "execfile", "compile", "open", "__import__"};
    return std::ranges::find(kModules, module) != std::end(kModules) ||
           ((module == "builtins" || module == "__builtin__") && std::ranges::find(kBuiltins, name) != std::end(kBuiltins));
  }

  // What the user can do about a file that holds more than weights.
  std::string remedy(std::string_view module = "") const {
    if (module.starts_with("lightly") || (module.starts_with("torch.utils.data") && has_string("train_model"))) {
      return "this looks like a training checkpoint of LightlyTrain (last.ckpt), which also holds its data loader: use "
             "exported_models/exported_last.pt of the same run instead";
    }
    return "if you trust who made it, keep its tensors alone, in Python: c = torch.load(f, weights_only=False); "
           "torch.save(c.get('state_dict', c), 'weights.pth')";
  }

  bool has_string(std::string_view text) const {
    for (const PickleValue& value : values_) {
      if (const std::string* string = std::get_if<std::string>(&value); string != nullptr && *string == text) {
        return true;
      }
    }
    return false;
  }

  // --- the text ---

  std::uint8_t byte_at(std::size_t place) const { return static_cast<std::uint8_t>(text_[place]); }

  std::string_view take(std::uint64_t count) {
    if (count > text_.size() - place_) {
      fail("{} bytes are wanted where {} are left", count, text_.size() - place_);
    }
    const std::string_view taken = text_.substr(place_, count);
    place_ += count;
    return taken;
  }

  std::uint8_t take_byte() { return static_cast<std::uint8_t>(take(1).front()); }

  template <class T>
  T take_number() {  // little-endian, as the host
    T number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }

  std::string_view take_line() {
    const std::size_t end = text_.find('\n', place_);
    if (end == std::string_view::npos) {
      fail("a name has no end");
    }
    const std::string_view line = take(end - place_);
    ++place_;
    return line;
  }

  // --- the stack; values above the last mark are what the open list, dict or tuple gets ---

  PickleId add(PickleValue value) {
    if (values_.size() >= kMaxValues) {
      throw DataError("{} holds more than {} values: this is more than the description of weights", where_, kMaxValues);
    }
    values_.push_back(std::move(value));
    return static_cast<PickleId>(values_.size() - 1);
  }

  void push(PickleId id) {
    if (stack_.size() >= kMaxValues) {
      fail("more than {} values wait on its stack", kMaxValues);
    }
    stack_.push_back(id);
  }

  void push_new(PickleValue value) { push(add(std::move(value))); }

  void need(std::size_t count) const {
    if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) {
      fail("{} values are wanted on its stack", count);
    }
  }

  PickleId pop() {
    need(1);
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }

  PickleId top() const {
    need(1);
    return stack_.back();
  }

  std::vector<PickleId> pop_many(std::size_t count) {
    need(count);
    const std::vector<PickleId> ids(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return ids;
  }

  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) {
      fail("there is no mark on its stack");
    }
    std::vector<PickleId> ids = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return ids;
  }

  template <class T>
  T& expect(PickleId id, std::string_view what) {
    if (T* value = std::get_if<T>(&values_[id])) {
      return *value;
    }
    fail("{} is wanted here", what);
  }

  // --- the opcodes ---

  void step(std::uint8_t opcode) {
    switch (opcode) {
      case Opcode::kProto:
        take_byte();
        break;
      case Opcode::kFrame:
        take_number<std::uint64_t>();  // how much to read ahead; all is here
        break;
      case Opcode::kMark:
        if (marks_.size() >= kMaxValues) {
          fail("more than {} marks are open", kMaxValues);
        }
        marks_.push_back(stack_.size());
        break;
      case Opcode::kPop:
        // As in CPython, POP right above a mark takes the mark.
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          pop();
        }
        break;
      case Opcode::kPopMark:
        pop_to_mark();
        break;
      case Opcode::kDup:
        push(top());
        break;
      case Opcode::kNone:
        push_new(std::monostate{});
        break;
      case Opcode::kNewTrue:
      case Opcode::kNewFalse:
        push_new(opcode == Opcode::kNewTrue);
        break;
      case Opcode::kBinInt:
        push_new(std::int64_t{take_number<std::int32_t>()});
        break;
      case Opcode::kBinInt1:
        push_new(std::int64_t{take_byte()});
        break;
      case Opcode::kBinInt2:
        push_new(std::int64_t{take_number<std::uint16_t>()});
        break;
      case Opcode::kLong1:
        push_new(take_long(take_byte()));
        break;
      case Opcode::kBinFloat:
        push_new(std::bit_cast<double>(__builtin_bswap64(take_number<std::uint64_t>())));  // big-endian
        break;
      case Opcode::kShortBinUnicode:
        push_string(take_byte());
        break;
      case Opcode::kBinUnicode:
        push_string(take_number<std::uint32_t>());
        break;
      case Opcode::kBinUnicode8:
        push_string(take_number<std::uint64_t>());
        break;
      case Opcode::kEmptyTuple:
        push_new(PickleSequence{.is_tuple = true, .items = {}});
        break;
      case Opcode::kTuple1:
      case Opcode::kTuple2:
      case Opcode::kTuple3:
        push_new(PickleSequence{.is_tuple = true, .items = pop_many(static_cast<std::size_t>(opcode - Opcode::kTuple1 + 1))});
        break;
      case Opcode::kTuple:
        push_new(PickleSequence{.is_tuple = true, .items = pop_to_mark()});
        break;
      case Opcode::kEmptyList:
        push_new(PickleSequence{});
        break;
      case Opcode::kList:
        push_new(PickleSequence{.is_tuple = false, .items = pop_to_mark()});
        break;
      case Opcode::kAppend:
        append(pop_many(1));
        break;
      case Opcode::kAppends:
        append(pop_to_mark());
        break;
      case Opcode::kEmptyDict:
        push_new(PickleDict{});
        break;
      case Opcode::kDict: {
        const std::vector<PickleId> members = pop_to_mark();
        push_new(PickleDict{});
        set_items(members);
        break;
      }
      case Opcode::kSetItem:
        set_items(pop_many(2));
        break;
      case Opcode::kSetItems:
        set_items(pop_to_mark());
        break;
      case Opcode::kBinPut:
        put(take_byte());
        break;
      case Opcode::kLongBinPut:
        put(take_number<std::uint32_t>());
        break;
      case Opcode::kMemoize:
        put(memo_.size());
        break;
      case Opcode::kBinGet:
        get(take_byte());
        break;
      case Opcode::kLongBinGet:
        get(take_number<std::uint32_t>());
        break;
      case Opcode::kGlobal: {
        const std::string_view module = take_line();
        push_global(module, take_line());
        break;
      }
      case Opcode::kStackGlobal: {
        const PickleId name = pop();
        const PickleId module = pop();
        // Copies: the values may move while the name is pushed.
        push_global(std::string(expect<std::string>(module, "the name of a module")), std::string(expect<std::string>(name, "a name")));
        break;
      }
      case Opcode::kReduce:
        reduce();
        break;
      case Opcode::kBuild:
        build();
        break;
      case Opcode::kBinPersonId:
        push_storage();
        break;
      default:
        refuse_opcode(opcode);
    }
  }

  // Two's complement of `count` bytes, little-endian; none is 0.
  std::int64_t take_long(std::uint8_t count) {
    const std::string_view bytes = take(count);
    if (count > sizeof(std::int64_t)) {
      fail("a whole number of {} bytes is too large, at most 8 are read", count);
    }
    const bool negative = count > 0 && (static_cast<std::uint8_t>(bytes.back()) & 0x80) != 0;
    std::uint64_t number = negative ? ~std::uint64_t{0} : 0;
    std::memcpy(&number, bytes.data(), count);
    return static_cast<std::int64_t>(number);
  }

  void push_string(std::uint64_t bytes) {
    const std::string_view text = take(bytes);
    if (!is_utf8(text)) {
      fail("a string of {} bytes is not UTF-8", bytes);
    }
    push_new(std::string(text));
  }

  void append(const std::vector<PickleId>& items) {
    auto& list = expect<PickleSequence>(top(), "a list");
    if (list.is_tuple) {
      fail("a list is wanted here");
    }
    list.items.insert(list.items.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<PickleId>& members) {
    if (members.size() % 2 != 0) {
      fail("a key of a dict has no value");
    }
    auto& dict = expect<PickleDict>(top(), "a dict");
    dict.members.insert(dict.members.end(), members.begin(), members.end());
  }

  void put(std::uint64_t key) { memo_[key] = top(); }

  void get(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) {
      fail("nothing was kept under {}", key);
    }
    push(found->second);
  }

  void push_global(std::string_view module, std::string_view name) {
    for (const AllowedName& allowed : kAllowed) {
      if (allowed.module == module && allowed.name == name) {
        push_new(allowed.meaning);
        return;
      }
    }
    refuse_global(printable(module), printable(name));
  }

  // Names come from whoever made the file, and go to a terminal.
  static std::string printable(std::string_view name) {
    std::string text;
    for (const char letter : name.substr(0, 200)) {
      text += letter >= ' ' && letter <= '~' ? letter : '?';
    }
    return text;
  }

  // Copies are paid for here: what a short text can ask for again and again must not add up to more than it may hold itself.
  void pay(std::size_t numbers) {
    paid_ += numbers;
    if (paid_ > kMaxValues) {
      fail("its calls repeat more than {} values", kMaxValues);
    }
  }

  void reduce() {
    const PickleId arguments_id = pop();
    const PickleId function = pop();
    const std::vector<PickleId> arguments = tuple(arguments_id, kMaxArguments, "a tuple of arguments");
    const auto [global, dtype] = expect<PickleName>(function, "the name of a function");
    switch (global) {
      case PickleGlobal::kOrderedDict:
        push_new(ordered_dict(arguments));
        break;
      case PickleGlobal::kRebuildTensor:
        push_new(tensor(arguments));
        break;
      case PickleGlobal::kRebuildParameter:  // (tensor, requires_grad, hooks)
        if (arguments.size() != 3) {
          fail("a parameter has {} arguments, 3 wanted", arguments.size());
        }
        expect<PickleTensor>(arguments[0], "a tensor");
        push(arguments[0]);
        break;
      case PickleGlobal::kStorageType:
        fail("a storage is called like a function");
    }
  }

  // The items of a tuple that has at most `limit`.
  std::vector<PickleId> tuple(PickleId id, std::size_t limit, std::string_view what) {
    const auto& sequence = expect<PickleSequence>(id, what);
    if (!sequence.is_tuple) {
      fail("{} is wanted here", what);
    }
    if (sequence.items.size() > limit) {
      fail("{} has {} items, at most {} wanted", what, sequence.items.size(), limit);
    }
    return sequence.items;
  }

  // OrderedDict(), or OrderedDict([(key, value), ...]) as Python 2 wrote it.
  PickleDict ordered_dict(const std::vector<PickleId>& arguments) {
    PickleDict dict{.is_ordered = true, .members = {}};
    if (arguments.size() > 1) {
      fail("an OrderedDict has {} arguments, at most 1 wanted", arguments.size());
    }
    if (!arguments.empty()) {
      const auto& pairs = expect<PickleSequence>(arguments[0], "a list of pairs").items;
      pay(2 * pairs.size());
      for (const PickleId pair : pairs) {
        const auto& items = expect<PickleSequence>(pair, "a pair").items;
        if (items.size() != 2) {
          fail("an item of an OrderedDict has {} parts, 2 wanted", items.size());
        }
        dict.members.insert(dict.members.end(), items.begin(), items.end());
      }
    }
    return dict;
  }

  // (storage, first element, shape, strides, requires_grad, hooks[, metadata])
  PickleTensor tensor(const std::vector<PickleId>& arguments) {
    if (arguments.size() != 6 && arguments.size() != 7) {
      fail("a tensor has {} arguments, 6 or 7 wanted", arguments.size());
    }
    if (arguments.size() == 7 && !std::holds_alternative<std::monostate>(values_[arguments[6]]) &&
        !expect<PickleDict>(arguments[6], "a dict of metadata").members.empty()) {
      throw DataError("{}, byte {}: a tensor is kept as the conjugate or negative of its bytes; save it again after tensor.resolve_neg()",
                      where_, opcode_place_);
    }
    expect<PickleStorage>(arguments[0], "a storage");
    PickleTensor tensor{.storage = arguments[0], .first = size(arguments[1]), .shape = sizes(arguments[2]), .strides = sizes(arguments[3])};
    if (tensor.shape.size() != tensor.strides.size()) {
      fail("a tensor has {} dimensions and {} strides", tensor.shape.size(), tensor.strides.size());
    }
    return tensor;
  }

  std::int64_t size(PickleId id) {
    const std::int64_t number = expect<std::int64_t>(id, "a whole number");
    if (number < 0) {
      fail("{} is negative, a size is wanted", number);
    }
    return number;
  }

  std::vector<std::int64_t> sizes(PickleId id) {
    std::vector<std::int64_t> numbers;
    for (const PickleId item : tuple(id, kMaxDimensions, "a tuple of sizes")) {
      numbers.push_back(size(item));
    }
    pay(numbers.size());
    return numbers;
  }

  // BUILD sets attributes. The one case that torch.save needs is a state dict's `_metadata` (versions of modules): dropped.
  void build() {
    const PickleId state = pop();
    if (!expect<PickleDict>(top(), "an OrderedDict").is_ordered || !std::holds_alternative<PickleDict>(values_[state])) {
      fail("attributes are set on something that is no OrderedDict");
    }
  }

  // ("storage", torch.FloatStorage, key, device, numel)
  void push_storage() {
    const std::vector<PickleId> items = tuple(pop(), kMaxArguments, "the id of a storage");
    if (items.size() != 5 || expect<std::string>(items[0], "the word 'storage'") != "storage") {
      fail("the id of a storage has {} parts, ('storage', type, key, device, count) wanted", items.size());
    }
    const PickleName type = expect<PickleName>(items[1], "a storage type");
    const std::string& key = expect<std::string>(items[2], "the key of a storage");
    if (type.global != PickleGlobal::kStorageType || key.size() > kMaxKey) {
      fail("a storage type and a key of at most {} bytes are wanted here", kMaxKey);
    }
    push_new(PickleStorage{.dtype = type.dtype, .key = key, .numel = size(items[4])});
  }

  std::string_view text_;
  std::string_view where_;
  std::size_t place_ = 0;
  std::size_t opcode_place_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // how many values lie below each
  std::unordered_map<std::uint64_t, PickleId> memo_;
  std::size_t paid_ = 0;
};

}  // namespace

Pickle read_pickle(std::string_view text, std::string_view where) {
  return Machine(text, where).run();
}

}  // namespace muster::io
