import CLibFuzzer
import FuzzProperties
import Glibc

// One target of libFuzzer (https://llvm.org/docs/LibFuzzer.html), chosen by the environment variable FUZZ_TARGET. All arguments are
// libFuzzer's: options, folders of inputs, or single inputs, which are then replayed.
var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
_ = ChosenTarget.value
exit(LLVMFuzzerRunDriver(&count, &arguments, ChosenTarget.run))
