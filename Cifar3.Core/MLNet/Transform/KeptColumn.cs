using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>
/// A column that a cursor hands on from its input. The input is read once, so what it says of rows that <see cref="ReadAheadScores"/> has read ahead
/// is kept until the cursor is there.
/// </summary>
internal abstract class KeptColumn
{
    /// <summary>A <see cref="ValueGetter{TValue}"/> of the current row's value.</summary>
    public abstract Delegate Getter { get; }

    /// <summary>Keeps what the input's current row says.</summary>
    /// <param name="place">Where among the rows kept.</param>
    /// <returns>About how many bytes it takes.</returns>
    /// <remarks>A value that cannot be read is an error of its own row, and only if it is asked for.</remarks>
    public abstract long Keep(int place);

    /// <summary>Prepares a column; null where its values cannot be kept, since nothing tells how to copy them: pictures, other libraries' types.</summary>
    /// <param name="rows">The input, with the column active.</param>
    /// <param name="column">The column.</param>
    /// <param name="place">Tells the current row's place among those kept; null = it is where the input stands.</param>
    public static KeptColumn? Of(DataViewRow rows, DataViewSchema.Column column, Func<int?> place)
    {
        var type = column.Type switch
        {
            VectorDataViewType vector => typeof(Vectors<>).MakeGenericType(vector.ItemType.RawType),
            PrimitiveDataViewType primitive => typeof(Scalars<>).MakeGenericType(primitive.RawType),
            _ => null,
        };
        return type is null ? null : (KeptColumn)Activator.CreateInstance(type, BindingFlags.Instance | BindingFlags.Public | BindingFlags.DoNotWrapExceptions, null, [rows, column, place], null)!;
    }

    private abstract class Values<T>(DataViewRow rows, DataViewSchema.Column column, Func<int?> place) : KeptColumn
    {
        private readonly ValueGetter<T> source = rows.GetGetter<T>(column);
        private T[] kept = [];
        private ExceptionDispatchInfo?[] errors = [];

        public override Delegate Getter => (ValueGetter<T>)Get;

        public override long Keep(int place)
        {
            if (place >= kept.Length)
            {
                Array.Resize(ref kept, 2 * place + 1);
                Array.Resize(ref errors, kept.Length);
            }

            try
            {
                errors[place] = null;
                source(ref kept[place]);
                return Size(kept[place]);
            }
            catch (Exception e)
            {
                errors[place] = ExceptionDispatchInfo.Capture(e);
                return 0;
            }
        }

        private protected abstract void Copy(in T from, ref T to);

        private protected abstract long Size(in T value);

        private void Get(ref T value)
        {
            if (place() is not { } i)
            {
                source(ref value);
                return;
            }

            errors[i]?.Throw();
            Copy(kept[i], ref value);
        }
    }

    private sealed class Scalars<T>(DataViewRow rows, DataViewSchema.Column column, Func<int?> place) : Values<T>(rows, column, place)
    {
        private protected override void Copy(in T from, ref T to) => to = from;

        private protected override long Size(in T value) => value is ReadOnlyMemory<char> text ? text.Length * sizeof(char) : Unsafe.SizeOf<T>();
    }

    private sealed class Vectors<T>(DataViewRow rows, DataViewSchema.Column column, Func<int?> place) : Values<VBuffer<T>>(rows, column, place)
    {
        private protected override void Copy(in VBuffer<T> from, ref VBuffer<T> to) => from.CopyTo(ref to);

        private protected override long Size(in VBuffer<T> value) => (long)value.GetValues().Length * Unsafe.SizeOf<T>();
    }
}
