Console.WriteLine("Cifar3 quick start");
