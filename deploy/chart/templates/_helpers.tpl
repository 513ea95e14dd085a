{{- define "dockerrun.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" .Release.Name) -}}
{{- fail (printf "the release name %s is not a valid prefix for the name of a Service, which starts with a letter and has no dots: choose another release name or set fullnameOverride" .Release.Name) -}}
{{- end -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "dockerrun.controller" -}}
{{ include "dockerrun.fullname" . }}-controller
{{- end -}}

{{/* The Secret with the certificate of the webhook, and its configuration. */}}
{{- define "dockerrun.webhook" -}}
{{ include "dockerrun.controller" . }}-webhook
{{- end -}}

{{/* The name by which the API server calls the Service. */}}
{{- define "dockerrun.webhookHost" -}}
{{ include "dockerrun.controller" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The selector of a Deployment is immutable: do not change these labels, so that all versions can be upgraded in place. */}}
{{- define "dockerrun.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "dockerrun.labels" -}}
{{ include "dockerrun.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: dockerrun
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "dockerrun.agent" -}}
{{ include "dockerrun.fullname" . }}-node-agent
{{- end -}}

{{- define "dockerrun.agentNamespace" -}}
{{ default (printf "%s-nodes" .Release.Namespace) .Values.nodeAgent.namespace }}
{{- end -}}

{{/* The controller finds the pods of the agent by their component. */}}
{{- define "dockerrun.agentSelectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/component: node-agent
{{- end -}}

{{- define "dockerrun.agentLabels" -}}
{{ merge (include "dockerrun.agentSelectorLabels" . | fromYaml) (include "dockerrun.labels" . | fromYaml) | toYaml }}
{{- end -}}

{{- define "dockerrun.engine" -}}
{{ include "dockerrun.fullname" . }}-engine
{{- end -}}

{{- define "dockerrun.engineSelectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/component: engine
{{- end -}}

{{- define "dockerrun.engineLabels" -}}
{{ merge (include "dockerrun.engineSelectorLabels" . | fromYaml) (include "dockerrun.labels" . | fromYaml) | toYaml }}
{{- end -}}

{{- define "dockerrun.engineImage" -}}
{{ include "dockerrun.image" (dict "image" .Values.engine.image "fallback" .Values.engine.image "appVersion" .Chart.AppVersion) }}
{{- end -}}

{{- define "dockerrun.bridge" -}}
{{ include "dockerrun.fullname" . }}-bridge
{{- end -}}

{{- define "dockerrun.bridgeSelectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/component: bridge
{{- end -}}

{{- define "dockerrun.bridgeLabels" -}}
{{ merge (include "dockerrun.bridgeSelectorLabels" . | fromYaml) (include "dockerrun.labels" . | fromYaml) | toYaml }}
{{- end -}}

{{/* What src/bridge/bridge-config.ts reads, from the values of the bridge; without those that are empty. */}}
{{- define "dockerrun.bridgeSettings" -}}
{{- $settings := dict "queues" .queues "girderApiUrl" .girder.apiUrl "userLabel" .userLabel -}}
{{- $_ := set $settings "maxRuns" (int .maxRuns) -}}
{{- $_ := set $settings "maxMessages" (int .maxMessages) -}}
{{- with .girder.targetApiUrl }}{{- $_ := set $settings "targetGirderApiUrl" . }}{{- end -}}
{{- with .pathMap }}{{- $_ := set $settings "pathMap" . }}{{- end -}}
{{- with .foreignQueue }}{{- $_ := set $settings "foreignQueue" . }}{{- end -}}
{{- with .deadLetterQueue }}{{- $_ := set $settings "deadLetterQueue" . }}{{- end -}}
{{ $settings | toJson }}
{{- end -}}

{{/* An image reference, from a dict with the keys image, fallback (another image) and appVersion. */}}
{{- define "dockerrun.image" -}}
{{- $repository := default .fallback.repository .image.repository -}}
{{- $own := .image.repository | or .image.tag | or .image.digest -}}
{{- $tag := .image.tag | default (ternary "" .fallback.tag (not (empty .image.repository))) | default .appVersion -}}
{{- $digest := ternary .image.digest .fallback.digest (not (empty $own)) -}}
{{- if $digest -}}
{{ printf "%s@%s" $repository $digest }}
{{- else -}}
{{ printf "%s:%s" $repository $tag }}
{{- end -}}
{{- end -}}

{{- define "dockerrun.controllerImage" -}}
{{ include "dockerrun.image" (dict "image" .Values.image "fallback" .Values.image "appVersion" .Chart.AppVersion) }}
{{- end -}}

{{- define "dockerrun.workerImage" -}}
{{ include "dockerrun.image" (dict "image" .Values.worker.image "fallback" .Values.image "appVersion" .Chart.AppVersion) }}
{{- end -}}

{{/* What the Pod Security level restricted requires of a container, and a read-only root file system. */}}
{{- define "dockerrun.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "dockerrun.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* The port of a URL, or the default port of its scheme. */}}
{{- define "dockerrun.portOf" -}}
{{- $url := urlParse . -}}
{{- if regexMatch ":[0-9]+$" $url.host -}}
{{ regexFind "[0-9]+$" $url.host }}
{{- else -}}
{{ ternary 443 80 (eq $url.scheme "https") }}
{{- end -}}
{{- end -}}
