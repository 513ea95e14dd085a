{{/* The names of objects, with commas between them. */}}
{{- define "dockerrun.names" -}}
{{- $names := list }}{{- range . }}{{- $names = append $names .name }}{{- end }}
{{- join "," $names }}
{{- end -}}

{{/* The settings that src/controller/config.ts reads. */}}
{{- define "dockerrun.environment" -}}
- { name: DOCKERRUN_IMAGE, value: {{ include "dockerrun.workerImage" . | quote }} }
- { name: DOCKERRUN_IMAGE_PULL_POLICY, value: {{ default .Values.image.pullPolicy .Values.worker.image.pullPolicy | quote }} }
{{- with .Values.worker.imagePullSecrets }}
- { name: DOCKERRUN_IMAGE_PULL_SECRETS, value: {{ include "dockerrun.names" . | quote }} }
{{- end }}
- { name: DOCKERRUN_DOCKER_SOCKET, value: {{ .Values.dockerSocket | quote }} }
- { name: DOCKERRUN_KUBELET_ROOT, value: {{ .Values.kubeletRoot | quote }} }
- { name: DOCKERRUN_CGROUP_ROOT, value: {{ .Values.cgroupRoot | quote }} }
- { name: DOCKERRUN_LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: DOCKERRUN_WORKER_LOG_LEVEL, value: {{ .Values.worker.logLevel | quote }} }
{{- with .Values.worker.caBundle }}
- { name: DOCKERRUN_WORKER_CA_BUNDLE, value: {{ . | quote }} }
{{- end }}
{{- with .Values.worker.proxy }}
{{- with .http }}
- { name: DOCKERRUN_WORKER_HTTP_PROXY, value: {{ . | quote }} }
{{- end }}
{{- with .https }}
- { name: DOCKERRUN_WORKER_HTTPS_PROXY, value: {{ . | quote }} }
{{- end }}
{{- with .noProxy }}
- { name: DOCKERRUN_WORKER_NO_PROXY, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- if .Values.nodeAgent.enabled }}
- { name: DOCKERRUN_NODE_AGENT_NAMESPACE, value: {{ include "dockerrun.agentNamespace" . | quote }} }
{{- end }}
- { name: DOCKERRUN_LEADER_ELECTION, value: {{ .Values.leaderElection | quote }} }
- { name: DOCKERRUN_POLICY_REQUIRED, value: {{ .Values.policyRequired | quote }} }
{{- if .Values.webhook.enabled }}
- { name: DOCKERRUN_WEBHOOK_PORT, value: {{ .Values.webhook.port | quote }} }
- { name: DOCKERRUN_WEBHOOK_HOST, value: {{ include "dockerrun.webhookHost" . | quote }} }
- { name: DOCKERRUN_WEBHOOK_NAME, value: {{ include "dockerrun.webhook" . | quote }} }
{{- if .Values.webhook.certManager.enabled }}
- { name: DOCKERRUN_WEBHOOK_CERTIFICATES, value: /etc/dockerrun/webhook }
{{- end }}
{{- end }}
{{- with .Values.otlp.endpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with .Values.otlp.workerEndpoint }}
- { name: DOCKERRUN_WORKER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
