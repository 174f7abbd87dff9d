// The task of workerpool, which wants a worker that registers its methods.
import workerpool from 'workerpool';

workerpool.worker({ wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) });
