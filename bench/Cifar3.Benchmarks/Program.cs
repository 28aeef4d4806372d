// Measures Cifar3 beside its peers on this machine: one subcommand a subject. docs/performance.md explains the figures.
using System.CommandLine;
using Cifar3.Benchmarks;

return new RootCommand("Measures Cifar3 beside its peers, in turn, on this machine, and compares with the targets.")
{
    GpuSubject.Create(),
#if !GPU_ONLY
    StepSubject.Create(),
    TensorFlowSubject.Create(),
    PipelineSubject.Create(),
    ScoreSubject.Create(),
    ServeSubject.Create(),
    QualitySubject.Create(),
    WorkerCommand.Create(),
#endif
}.Parse(args).Invoke();
