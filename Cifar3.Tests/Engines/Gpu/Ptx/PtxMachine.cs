namespace Cifar3.Tests;

/// <summary>
/// Runs a kernel's PTX as a card does, slowly and strictly: one work-group after the other, and in it one work-item after the other up to the next barrier. Every
/// access to memory must be aligned and within what was allocated, as a card demands; shared memory begins as garbage.
/// </summary>
/// <remarks>Groups take turns in the order of their work-items, from the first and from the last: a result that hangs on that order has no barrier where it needs one.</remarks>
internal static unsafe class PtxMachine
{
    /// <summary>Runs all groups.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="groups">Number of groups along x, y and z.</param>
    /// <param name="arguments">The arguments' bits.</param>
    /// <param name="find">The allocation that an address lies in; throws where it lies in none.</param>
    public static void Run(PtxKernel kernel, (uint X, uint Y, uint Z) groups, ulong[] arguments, Func<nint, (nint Start, nint End)> find)
    {
        var items = Enumerable.Range(0, kernel.Threads).Select(_ => new Item { Registers = [.. kernel.InitialRegisters] }).ToArray();
        byte[] memory = new byte[Math.Max(1, kernel.SharedBytes + 16)];
        fixed (byte* start = memory)
        {
            byte* shared = (byte*)(((nint)start + 15) / 16 * 16);
            long group = 0;
            for (uint z = 0; z < groups.Z; z++)
                for (uint y = 0; y < groups.Y; y++)
                    for (uint x = 0; x < groups.X; x++)
                    {
                        memory.AsSpan().Fill(0xFF); // as float32 not a number
                        for (int t = 0; t < items.Length; t++)
                        {
                            var registers = items[t].Registers;
                            registers[kernel.ThreadRegister] = (ulong)t;
                            (registers[kernel.GroupRegisters[0]], registers[kernel.GroupRegisters[1]], registers[kernel.GroupRegisters[2]]) = (x, y, z);
                            (items[t].Next, items[t].HasReturned) = (0, false);
                        }

                        RunGroup(kernel, items, arguments, shared, find, group++ % 2 == 1);
                    }
        }
    }

    private static void RunGroup(PtxKernel kernel, Item[] items, ulong[] arguments, byte* shared, Func<nint, (nint Start, nint End)> find, bool fromLast)
    {
        PtxInstruction[] instructions = [.. kernel.Instructions];
        while (!items[0].HasReturned)
        {
            for (int i = 0; i < items.Length; i++)
            {
                RunToBarrier(kernel, instructions, items[fromLast ? items.Length - 1 - i : i], arguments, shared, find);
            }

            if (items.Any(item => item.HasReturned != items[0].HasReturned || item.Next != items[0].Next && !item.HasReturned))
            {
                throw new InvalidOperationException($"{kernel.Name}: not all work-items of a group reach the same barrier.");
            }
        }
    }

    private static void RunToBarrier(PtxKernel kernel, PtxInstruction[] instructions, Item item, ulong[] arguments, byte* shared, Func<nint, (nint Start, nint End)> find)
    {
        var r = item.Registers;
        for (int at = item.Next; at < instructions.Length;)
        {
            var instruction = instructions[at++];
            if (instruction.Predicate >= 0 && r[instruction.Predicate] != 0 == instruction.IsNegated)
            {
                continue;
            }

            switch (instruction.Kind)
            {
                case PtxKind.Compute:
                    r[instruction.Values[0]] = instruction.Compute!(r[instruction.A], r[instruction.B], r[instruction.C]);
                    break;
                case PtxKind.LoadParameter:
                    r[instruction.Values[0]] = arguments[instruction.Offset];
                    break;
                case PtxKind.Branch:
                    at = instruction.Target;
                    break;
                case PtxKind.Barrier:
                    item.Next = at;
                    return;
                case PtxKind.Return:
                    item.HasReturned = true;
                    return;
                default:
                    Move(instruction, r, Place(instruction, r));
                    break;
            }
        }

        throw new InvalidOperationException($"{kernel.Name}: the end without a return.");

        byte* Place(PtxInstruction instruction, ulong[] registers)
        {
            nint address = (nint)registers[instruction.A] + instruction.Offset, bytes = instruction.Width * instruction.Values.Length;
            if (instruction.Kind is PtxKind.LoadShared or PtxKind.StoreShared)
            {
                return address >= 0 && address + bytes <= kernel.SharedBytes && address % bytes == 0 ? shared + address : throw Refused("shared memory");
            }

            if (address < instruction.Range.Start || address + bytes > instruction.Range.End)
            {
                instruction.Range = find(address);
            }

            return address >= instruction.Range.Start && address + bytes <= instruction.Range.End && address % bytes == 0 ? (byte*)address : throw Refused("memory");

            InvalidOperationException Refused(string what) =>
                new($"{kernel.Name}: {bytes} bytes at {address} of {what} ({instruction.Range.Start} to {instruction.Range.End}) in {instruction.Text}");
        }
    }

    private static void Move(PtxInstruction instruction, ulong[] registers, byte* place)
    {
        bool isLoad = instruction.Kind is PtxKind.LoadGlobal or PtxKind.LoadShared;
        foreach (int register in instruction.Values)
        {
            if (isLoad)
            {
                registers[register] = instruction.Width == 1 ? *place : *(uint*)place;
            }
            else if (instruction.Width == 1)
            {
                *place = (byte)registers[register];
            }
            else
            {
                *(uint*)place = (uint)registers[register];
            }

            place += instruction.Width;
        }
    }

    private sealed class Item
    {
        public required ulong[] Registers { get; init; }

        public int Next { get; set; }

        public bool HasReturned { get; set; }
    }
}
