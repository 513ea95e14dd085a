/** The image that holds a pod's namespaces, made here because nothing is pulled. */
export const pauseImage = 'docker.io/library/pause:local';

/** A small image for users' targets and tests, in Docker Engine and in containerd. */
export const busyboxImage = 'docker.io/library/busybox:local';
