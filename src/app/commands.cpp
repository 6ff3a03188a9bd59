#include "app/command.hpp"

namespace muster::app {

const std::vector<Command>& commands() {
  static const std::vector<Command> list{pack_command(),   verify_command(),    info_command(),    train_command(),
                                         eval_command(),   autolabel_command(), forward_command(), export_command(),
                                         import_command(), models_command(),    doctor_command()};
  return list;
}

}  // namespace muster::app
