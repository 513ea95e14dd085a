import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { version } from '../version.ts';

/** Who sends the spans: OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME of the process go before its own name. */
export function traceResource(serviceName: string): Resource {
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
    .merge(detectResources({ detectors }));
}
